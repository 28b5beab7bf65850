/*-------------------------------------------------------------------------
 *
 * file_part.c
 *	  Part of a file, read from where it is.
 *
 *-------------------------------------------------------------------------
 */
#include "file_part.h"

#include <errno.h>
#include <unistd.h>

ssize_t
file_part_read(int descriptor, char *into, size_t bytes, uint64_t offset)
{
	size_t done = 0;

	while (done < bytes)
	{
		ssize_t got = pread(descriptor, into + done, bytes - done, (off_t) (offset + done));

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -1;
		if (got == 0)
			break;
		done += (size_t) got;
	}
	return (ssize_t) done;
}
