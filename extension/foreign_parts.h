/*-------------------------------------------------------------------------
 *
 * foreign_parts.h
 *	  What of the extension is somebody's who is not a superuser, or could run
 *	  such a role's code.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_FOREIGN_PARTS_H
#define NEX_FOREIGN_PARTS_H

#include "postgres.h"

/* What is wrong, for an error or for the status. */
typedef struct Finding
{
	char *problem; /* NULL: nothing */
	char *hint;
} Finding;

/*
 * Look at all of the extension, and stop at the first finding.  What an update
 * makes again (views) is not looked into before one.
 */
extern void foreign_parts_find(Oid extension, bool before_update, Finding *finding);

/*
 * Its first relation: that which DROP locks before all others, as it follows
 * the same index.  InvalidOid: it has none.
 */
extern Oid foreign_parts_first_relation(Oid extension);

#endif /* NEX_FOREIGN_PARTS_H */
