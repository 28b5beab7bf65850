/*-------------------------------------------------------------------------
 *
 * repository_file.h
 *	  Reading a repository in the server's file system.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_REPOSITORY_FILE_H
#define NEX_REPOSITORY_FILE_H

#include "postgres.h"

/*
 * Read a whole file of a repository, palloc'd and ended by a NUL.  Returns what
 * is wrong with it, or NULL; a file above `largest` bytes is.  ERROR unless the
 * current user may read server files and both names are such that nothing
 * outside of the repository is read.
 */
extern char *read_repository_file(const char *repository, const char *file, Size largest,
								  char **content, size_t *length);

#endif /* NEX_REPOSITORY_FILE_H */
