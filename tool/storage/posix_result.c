/*-------------------------------------------------------------------------
 *
 * posix_result.c
 *	  What an errno value means, by what was tried.
 *
 * To call damage what says something about the process, the disk or the
 * network at this moment would be wrong, and worse than useless: the advice
 * would be to remove a file that is good, and a scheduler would not try again.
 *
 *-------------------------------------------------------------------------
 */
#include "posix_result.h"

#include <errno.h>
#include <string.h>

/* What reading and writing have in common. */
static StoreCode
code_of(int error)
{
	switch (error)
	{
		case 0:
			return STORE_OK;
		case ENOENT:
			return STORE_ABSENT;
		case EEXIST:
			return STORE_EXISTS;
		case EBUSY:
			return STORE_BUSY;
		case EACCES:
		case EPERM:
		case EROFS:
		case EXDEV:
			return STORE_DENIED;
		case ENOSPC:
		case EDQUOT:
			return STORE_FULL;
		case ELOOP:
			return STORE_UNSUPPORTED;
		case EAGAIN:
		case EINTR:
		case EMFILE:
		case ENFILE:
		case ENOMEM:
		case ESTALE:
		case ENOTCONN:
		case ETIMEDOUT:
		case EHOSTDOWN:
		case EHOSTUNREACH:
			return STORE_UNREACHABLE;
		default:
			return STORE_FAILED;
	}
}

/* What a file can be that is none of ours; NULL for other errors. */
static const char *
damage_text(int error)
{
	switch (error)
	{
		case ENOTDIR:
			return strerror(error);
		case EINVAL:
		case EISDIR:
		case ENXIO:
			return "it is not a regular file";
		case EFBIG:
			return "it is larger than it can be";
		case ENODATA:
			return "it is shorter than it should be";
		default:
			return NULL;
	}
}

static const char *
read_hint(int error)
{
	switch (error)
	{
		case ELOOP:
			return "Mount the other disk there (\"mount --bind\"), or put the directory itself in "
				   "its place.";
		case EACCES:
		case EPERM:
			return "Give it to the user who runs nex_backup (\"chown\"), and always run nex_backup "
				   "as that user.";
		case EMFILE:
		case ENFILE:
			return "Allow more open files (\"ulimit -n\", LimitNOFILE), and try again.";
		case EIO:
#ifdef EUCLEAN
		case EUCLEAN:
#endif
			return "The disk, or the file system, reports this error; the log of the kernel says "
				   "more. If it stays, put a copy of the file in its place.";
		case ESTALE:
		case ENOTCONN:
		case ETIMEDOUT:
		case EHOSTDOWN:
		case EHOSTUNREACH:
			return "The connection to the file system is lost; mount it again, and try again.";
		default:
			return NULL;
	}
}

static const char *
write_hint(int error)
{
	switch (error)
	{
		case ENOSPC:
		case EDQUOT:
			return "Free some space in the repository, for instance with \"nex_backup expire\". "
				   "Nothing was published; the same command can be run again.";
		case EACCES:
		case EPERM:
		case EROFS:
			return "The repository must be writable for the user who runs nex_backup.";
		case ELOOP:
			return "A symbolic link below a repository is followed at its top level only, and "
				   "written through only if it belongs to root or to the user who runs nex_backup. "
				   "Mount the other directory there (\"mount --bind\"), or put the files in its "
				   "place.";
		default:
			return NULL;
	}
}

StoreResult
posix_read_result(int error)
{
	const char *damage = damage_text(error);

	if (error == 0)
		return store_ok();
	if (damage != NULL)
		return store_failure(STORE_DAMAGED, NULL, "%s", damage);
	return store_failure(code_of(error), read_hint(error), "%s", strerror(error));
}

StoreResult
posix_write_result(int error)
{
	if (error == 0)
		return store_ok();
	return store_failure(code_of(error), write_hint(error), "%s", strerror(error));
}

StoreResult
posix_sync_result(int error)
{
	StoreResult result = posix_write_result(error);

	if (result.code == STORE_UNREACHABLE || result.code == STORE_BUSY)
		result.code = STORE_FAILED;
	return result;
}

StoreResult
posix_lock_result(int error)
{
	StoreResult result = posix_write_result(error);

	if (error == EWOULDBLOCK)
		result.code = STORE_BUSY;
	return result;
}
