/*-------------------------------------------------------------------------
 *
 * row_owners.h
 *	  Who owns a live table, for a session that is not a superuser's.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_ROW_OWNERS_H
#define NEX_ROW_OWNERS_H

#include "connection.h"

/*
 * May a session that is not a superuser's add rows to the table: as itself, or
 * (*turn) only in a turn of the owner?  `shown` is the name for messages.
 * False (reported) if neither is certain to run nobody else's code.
 */
extern bool row_owners_decide(Connection *connection, const char *oid, const char *shown,
							  bool *turn);

typedef enum RowOwners
{
	ROW_OWNERS_SESSION, /* everything belongs to superusers and to the session */
	ROW_OWNERS_TURN,    /* or to the owner, a role that the session is a member of */
	ROW_OWNERS_NOBODY
} RowOwners;

/* Who may use a relation by its name?  Caller frees `owner`.  False (reported) on failure. */
extern bool row_owners_ask(Connection *connection, const char *oid, RowOwners *answer,
						   char **owner);

/*
 * The first of the tables ("{1,2}"), of their children and schemas that belongs
 * to others than superusers and the session ("table s.t"), or NULL; caller
 * frees.  False (reported) on failure.
 */
extern bool row_owners_of_tables(Connection *connection, const char *tables, char **others);

#endif /* NEX_ROW_OWNERS_H */
