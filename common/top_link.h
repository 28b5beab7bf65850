/*-------------------------------------------------------------------------
 *
 * top_link.h
 *	  A symbolic link at the top level of a repository.
 *
 * "objects" on another disk, by a link, is common, and so such a link is
 * followed if nobody else can have made it than root, the user who runs this,
 * or the owner of the repository.  Links at lower levels never are (beneath.h).
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_TOP_LINK_H
#define NEX_TOP_LINK_H

#include <sys/stat.h>

/*
 * Open the directory that the link `name` in `root` leads to, and say whose the
 * link is.  `own` is of the repository's directory.  A descriptor, or -1 with
 * errno: EINVAL if it is not a link, ELOOP if it is one of another user.
 */
extern int top_link_open(int root, const char *name, const struct stat *own, struct stat *status);

#endif /* NEX_TOP_LINK_H */
