/*-------------------------------------------------------------------------
 *
 * read_error.c
 *	  What an error of reading a file of a repository means.
 *
 * A file that is missing, too short, or not a file at all is damaged: that is
 * what was found, and it will be found again.  Everything else says something
 * about the process, the disk or the network at this moment.  To call that
 * damage would be wrong, and worse than useless: the advice would be to remove
 * a file that is good, and a scheduler would not try again.
 *
 *-------------------------------------------------------------------------
 */
#include "read_error.h"

#include <errno.h>
#include <string.h>

bool
error_of_access(int error)
{
	switch (error)
	{
		case 0:
		case ENOENT:
		case ENOTDIR:
		case EISDIR:
		case EINVAL:
		case ENXIO:
		case EFBIG:
		case ENODATA:
			return false;
		default:
			return true;
	}
}

const char *
read_error_text(int error)
{
	switch (error)
	{
		case EINVAL:
		case EISDIR:
		case ENXIO:
			return "it is not a regular file";
		case EFBIG:
			return "it is larger than it can be";
		case ENODATA:
			return "it is shorter than it should be";
		default:
			return strerror(error);
	}
}

const char *
read_error_hint(int error)
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

const char *
storage_error_hint(int error)
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
