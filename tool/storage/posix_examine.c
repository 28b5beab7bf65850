/*-------------------------------------------------------------------------
 *
 * posix_examine.c
 *	  What there is to say of a path in a directory, for people.
 *
 *-------------------------------------------------------------------------
 */
#include "posix_examine.h"
#include "posix_storage.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "posix_result.h"

StoreResult
posix_examine(Storage *storage, const char *path, StoreFacts *facts)
{
	struct stat status;
	struct statvfs system;
	const char *name;
	int parent;
	int error;

	memset(facts, 0, sizeof(*facts));
	parent = posix_open_parent(storage, path, TO_READ, &name);
	if (parent < 0)
		return posix_read_result(errno);
	error = fstatat(parent, name, &status, AT_SYMLINK_NOFOLLOW) != 0 ? errno : 0;
	if (error == 0)
	{
		facts->knows_rights = true;
		facts->mode = (unsigned) status.st_mode & 07777;
		facts->owner = (unsigned) status.st_uid;
		facts->writable = faccessat(parent, name, W_OK, 0) == 0;
		snprintf(facts->mark, sizeof(facts->mark), "%llu %lld.%09ld",
				 (unsigned long long) status.st_ino, (long long) status.st_ctim.tv_sec,
				 status.st_ctim.tv_nsec);
	}
	if (error == 0 && fstatvfs(((PosixStorage *) storage)->root, &system) == 0)
	{
		facts->knows_space = true;
		facts->free_bytes = (uint64_t) system.f_bavail * system.f_frsize;
	}
	close(parent);
	if (error == 0)
		error = posix_changing(storage, path);
	return posix_read_result(error);
}
