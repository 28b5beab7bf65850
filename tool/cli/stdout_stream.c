/*-------------------------------------------------------------------------
 *
 * stdout_stream.c
 *	  Much data to standard output, past stdio.
 *
 *-------------------------------------------------------------------------
 */
#include "stdout_stream.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <unistd.h>

#include "interrupt.h"

#define POLL_INTERVAL_MS 200

/* Wait until a pipe takes more; a file needs no waiting. */
static bool
wait_for_reader(void)
{
	struct pollfd wait = {STDOUT_FILENO, POLLOUT, 0};

	while (!interrupted())
	{
		if (poll(&wait, 1, POLL_INTERVAL_MS) != 0)
			return true;
	}
	return false;
}

bool
stdout_stream_write(const char *data, size_t length)
{
	while (length > 0)
	{
		/* After poll() a pipe takes this much without blocking. */
		size_t piece = length > PIPE_BUF ? PIPE_BUF : length;
		ssize_t n;

		errno = 0;
		if (!wait_for_reader())
			return false;
		n = write(STDOUT_FILENO, data, piece);
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n < 0)
			return false;
		data += n;
		length -= (size_t) n;
	}
	return true;
}
