/*-------------------------------------------------------------------------
 *
 * beneath.h
 *	  Opening what lies below a directory, and nothing else.
 *
 * Whoever may write into a directory can put a symbolic link in the place of
 * any part of a path, at any moment.  So no part is ever followed as a link,
 * and what is created, renamed or removed is named below the descriptor of
 * the directory that was reached, not by its path.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_BENEATH_H
#define NEX_BENEATH_H

#include <stdbool.h>
#include <sys/types.h>

/*
 * openat() that follows no symbolic link anywhere in the path and does not
 * leave `start`.  A descriptor, or -1 with errno: ELOOP where a part is a
 * link, EXDEV or EINVAL where the path leads upward or is absolute.
 */
extern int open_beneath(int start, const char *path, int flags, mode_t mode);

/* For tests: walk part by part, as on a kernel without openat2(). */
extern bool beneath_walks;

#endif /* NEX_BENEATH_H */
