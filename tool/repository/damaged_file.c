/*-------------------------------------------------------------------------
 *
 * damaged_file.c
 *	  A file of a repository that is not as it was written, or cannot be read.
 *
 *-------------------------------------------------------------------------
 */
#include "damaged_file.h"

#include "log.h"

bool
repository_damaged(const Repository *repository, const char *path, const char *problem,
				   const char *hint)
{
	return report_error(EXIT_INTEGRITY, NULL, hint, "file \"%s/%s\" %s",
						repository->storage->location, path, problem);
}

bool
repository_unreadable(const Repository *repository, const char *path, const StoreResult *result)
{
	return report_error(EXIT_FAILED, NULL, result->hint, "could not read file \"%s/%s\": %s",
						repository->storage->location, path, result->text);
}
