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

#include <sys/stat.h>

#include "buffer.h"

/* Why an open directory is not ours, and closed to everybody else; NULL if it is (caller frees). */
extern char *private_directory_problem(int directory, const char *path);

/*
 * Write a file (0600) whole or not at all: temporary name, fsync, rename,
 * fsync of the directory.  0 or an errno value.
 */
extern int private_file_write(int directory, const char *name, const void *data, size_t length);

/*
 * Write a new file (0600), for us or for a child: EEXIST if it is there; after
 * another error it is gone.  durable: on the disk when it comes back.  0 or an errno value.
 */
extern int new_file_write(const char *path, const void *data, size_t length, bool durable);

/*
 * The same, durable, for a path that the user has chosen: ELOOP where a link of
 * somebody else would lead us.
 */
extern int chosen_file_write(const char *path, const void *data, size_t length);

/* What helps if a file in the temporary directory cannot be written, or NULL. */
extern const char *temporary_file_hint(int error);

/* Read a regular file of at most `limit` bytes.  0 or an errno value; EFBIG if it is longer. */
extern int private_file_read(const char *path, size_t limit, Buffer *into);

/* The same for a file in an open directory; not through a symbolic link. */
extern int private_file_read_in(int directory, const char *name, size_t limit, Buffer *into);

/*
 * What is wrong with owner and mode of an open file with a secret, or NULL
 * (caller frees).  The rule is that of the server for its TLS key: 0600 or
 * less if it is ours, 0640 or less if it is root's.  A pipe, as a shell's
 * <(...) gives, has no mode that matters, but an owner.  `kind` is a word for
 * the message.
 */
extern char *secret_file_problem(const char *kind, const char *path, const struct stat *status);

/*
 * The same, reported as an error of usage if it is not good; with a warning
 * if others can put another file in the place of this one.
 */
extern bool secret_file_good(const char *kind, const char *path, const struct stat *status);

/*
 * The secret in a file, without white space at its end.  The rule is that of
 * the server for its TLS key: 0600 or less if it is ours, 0640 or less if it
 * is root's.  NULL with *problem (caller frees both) otherwise.
 */
extern char *secret_file_read(const char *path, char **problem);

/* For a process that holds a password: neither it nor its children leave a core file. */
extern void forbid_core_dumps(void);

/* For one that holds keys: no debugger of the same user looks into it, either. */
extern void forbid_inspection(void);

#endif /* NEX_PRIVATE_FILE_H */
