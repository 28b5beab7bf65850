/*-------------------------------------------------------------------------
 *
 * damaged_file.h
 *	  A file of a repository that is not as it was written, or cannot be read.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_DAMAGED_FILE_H
#define NEX_DAMAGED_FILE_H

#include "repository_state.h"

/* Report (exit 3) that a file is not as it was written; always false. */
extern bool repository_damaged(const Repository *repository, const char *path, const char *problem,
							   const char *hint);

/* Report (exit 1) that a file could not be read, which says nothing about it; always false. */
extern bool repository_unreadable(const Repository *repository, const char *path,
								  const StoreResult *result);

#endif /* NEX_DAMAGED_FILE_H */
