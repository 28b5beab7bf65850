/*-------------------------------------------------------------------------
 *
 * database_state.h
 *	  What the server says of the database that a restore fills.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_DATABASE_STATE_H
#define NEX_DATABASE_STATE_H

#include "restore_plan.h"

/* The row of a database in the catalog was changed by two at once; there is no better code. */
#define CONCURRENTLY_UPDATED "XX000"

/*
 * How long a database that is to be renamed may be waited for at a time: nobody
 * can connect to it meanwhile.  And one that is dropped at the end.
 */
#define DATABASE_LOCK_TIMEOUT "3s"
#define CLEANUP_LOCK_TIMEOUT "10s"

/* Does a database exist on the server?  False (reported) on failure. */
extern bool target_database_exists(Connection *maintenance, const char *name, bool *exists);

/* Can a superuser at least connect to it?  False (reported) if not. */
extern bool target_database_accepts(Connection *maintenance, const char *name);

/* Does it hold anything that a user made?  False (reported) on failure. */
extern bool target_database_is_empty(const ConnectionTarget *target, const char *name, bool *empty);

/*
 * Does an empty database that is there belong to whom it shall, to a superuser
 * or to us?  False (reported) if not; a warning if --to names it.
 */
extern bool target_database_check_owner(const RestorePlan *plan);

/* Is this still its comment?  Another one may have come from the backup. */
extern bool target_database_is_marked(const RestorePlan *plan, const char *mark, bool *marked);

/*
 * See that the maintenance connection is there, or connect again: one that
 * broke is no reason to leave something behind.  Not reported.
 */
extern bool target_database_reconnect(RestorePlan *plan);

#endif /* NEX_DATABASE_STATE_H */
