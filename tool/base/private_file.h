/*-------------------------------------------------------------------------
 *
 * private_file.h
 *	  Small files that only their owner may read: secrets that the user
 *	  wrote, and records that the tool keeps outside the repository.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_PRIVATE_FILE_H
#define NEX_PRIVATE_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "buffer.h"

/*
 * Make sure that a directory exists (with its parents), is ours, and is open
 * to nobody else.  NULL, or what is wrong (caller frees).
 */
extern char *private_directory(const char *path);

/*
 * Write a file (0600) whole or not at all: temporary name, fsync, rename,
 * fsync of the directory.  0 or an errno value.
 */
extern int private_file_write(const char *directory, const char *name, const void *data,
							  size_t length);

/* Read a regular file of at most `limit` bytes.  0 or an errno value; EFBIG if it is longer. */
extern int private_file_read(const char *path, size_t limit, Buffer *into);

/*
 * The secret in a file, without white space at its end.  The rule is that of
 * the server for its TLS key: 0600 or less if it is ours, 0640 or less if it
 * is root's.  NULL with *problem (caller frees both) otherwise.
 */
extern char *secret_file_read(const char *path, char **problem);

/* Overwrite a secret and free it; NULL is fine. */
extern void secret_text_free(char *secret);

#endif /* NEX_PRIVATE_FILE_H */
