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

#include "nodes/pg_list.h"

/* What is wrong, for an error or for the status. */
typedef struct Finding
{
	char *problem; /* NULL: nothing */
	char *hint;
} Finding;

/* What is a part of it: a list of ObjectAddress, in the order in which DROP locks them. */
extern List *foreign_parts_members(Oid extension);

/* The first relation of these; InvalidOid: there is none. */
extern Oid foreign_parts_first_relation(const List *members);

/*
 * Look at all of the extension, and stop at the first finding.  What an update
 * makes again (views) is not looked into before one.
 */
extern void foreign_parts_find(Oid extension, List *members, bool before_update, Finding *finding);

#endif /* NEX_FOREIGN_PARTS_H */
