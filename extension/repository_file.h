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

/*
 * The same of a place that may not answer: a child reads, see look.c, and that
 * there is no answer is what is wrong with the file.
 */
extern char *look_at_repository_file(const char *repository, const char *file, Size largest,
									 char **content, size_t *length);

/* ---- for the two ---- */

/* ERROR unless that role may read server files. */
extern void check_may_read_server_files(Oid role);

/*
 * ERROR unless the repository is an absolute path and the file's name is one
 * that a repository can have, so that nothing outside of it is ever opened.
 */
extern void check_repository_file(const char *repository, const char *file);

/* What is wrong with a file that could not be opened or read. */
extern char *describe_errno(int error);

#endif /* NEX_REPOSITORY_FILE_H */
