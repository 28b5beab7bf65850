/*-------------------------------------------------------------------------
 *
 * as_user.h
 *	  Doing something with files as another user would, for a moment.
 *
 * What root may do, and whether a user could have done it, are two questions;
 * the kernel answers the second one better than we could by looking at owners
 * and modes, and without a moment between the question and the deed.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_AS_USER_H
#define NEX_AS_USER_H

#include <stdbool.h>
#include <sys/types.h>

typedef struct AsUser
{
	gid_t *before; /* our groups */
	int nbefore;
	int dumpable;
	int death_signal;
} AsUser;

/*
 * From here on this thread alone has the rights of that user for files, and
 * what it makes belongs to that user; other threads are not concerned.  False,
 * with EPERM, if this cannot be done; then nothing has changed.  One whom the
 * password database does not know has no groups.
 */
extern bool as_user_begin(AsUser *as, uid_t user);

/* errno stays as it is. */
extern void as_user_end(AsUser *as);

#endif /* NEX_AS_USER_H */
