/*-------------------------------------------------------------------------
 *
 * named_file.h
 *	  Files that an option or the configuration names: keys, passphrases.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_NAMED_FILE_H
#define NEX_NAMED_FILE_H

#include <sys/stat.h>

#include "buffer.h"
#include "log.h"

/* A descriptor to read from, and what fstat() says of it; -1 with errno set. */
extern int named_file_open(const char *path, struct stat *status);

/*
 * Append what comes up to the end; `limit` bytes of it are too many.  0, an
 * errno, or EFBIG if it is too long.  A zero byte follows.
 */
extern int named_file_read(int descriptor, size_t limit, Buffer *content);

/* "it is too long", or what strerror() says. */
extern const char *named_file_problem(int error);

/*
 * The exit code if it cannot be opened or read.  A wrong name or missing rights
 * are a matter of usage, and remain until somebody changes them.  A disk or a
 * network that fails, or a lack of descriptors, may be gone at the next attempt,
 * which the scheduler makes after EXIT_FAILED alone.
 */
extern ExitCode named_file_exit_code(int error);

#endif /* NEX_NAMED_FILE_H */
