/*-------------------------------------------------------------------------
 *
 * read_error.h
 *	  What an error of reading or writing a file of a repository means.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_READ_ERROR_H
#define NEX_READ_ERROR_H

#include <stdbool.h>

/* Does it say that we may not or cannot look, and nothing about the file? */
extern bool error_of_access(int error);

/* The error in words. */
extern const char *read_error_text(int error);

/* What helps against it, or NULL. */
extern const char *read_error_hint(int error);

/* What helps against an error of writing, or NULL. */
extern const char *storage_error_hint(int error);

#endif /* NEX_READ_ERROR_H */
