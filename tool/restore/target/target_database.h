/*-------------------------------------------------------------------------
 *
 * target_database.h
 *	  The database that a restore fills: looking at it, creating it, marking
 *	  it, removing it again.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_TARGET_DATABASE_H
#define NEX_TARGET_DATABASE_H

#include "restore.h"

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

/* Is this session that of a superuser, whatever role it has taken?  Sets plan->superuser. */
extern bool target_database_look_at_role(RestorePlan *plan);

/* Has the database that exists the encoding, locale and tablespace of the backup? */
extern bool target_database_is_alike(RestorePlan *plan, bool *alike);

/*
 * CREATE DATABASE with the properties of the backup, marked as a restore in
 * progress, ours and closed to everybody else: whoever got in while it is filled
 * could put code beside rows that arrive with the rights of this session.
 */
extern bool target_database_create(RestorePlan *plan);

/* Everything is in it: give it to its owner. */
extern bool target_database_finish(RestorePlan *plan);

/* Is this still its comment?  Another one may have come from the backup. */
extern bool target_database_is_marked(RestorePlan *plan, const char *mark, bool *marked);

/*
 * The last step, after the privileges of the database: let others connect, and take the mark away,
 * unless a comment takes its place.  Until then the next restore knows whose work it is.
 */
extern bool target_database_open(RestorePlan *plan);

/* What PUBLIC has in a new database, and was taken from it; before the privileges of the backup. */
extern void target_database_give_to_public(RestorePlan *plan, SqlText *sql);

/* The same as SQL, of one that we created, to be run with its privileges: all of it or nothing. */
extern bool target_database_last_step(RestorePlan *plan, bool keeps_comment, SqlText *sql);

/*
 * See that the maintenance connection is there, or connect again: one that
 * broke is no reason to leave something behind.  Not reported.
 */
extern bool target_database_reconnect(RestorePlan *plan);

/* Remove a half-filled database that we created, or say how to. */
extern void target_database_discard(RestorePlan *plan);

/*
 * Keep the database that we filled, and say by which commands it takes the
 * place of the live one; `what` is the beginning of that sentence.
 */
extern void target_database_keep(RestorePlan *plan, const char *what);

/*
 * Does an empty database that is there belong to whom it shall, to a superuser
 * or to us?  False (reported) if not; a warning if --to names it.
 */
extern bool target_database_check_owner(RestorePlan *plan);

/*
 * Run a transaction that needs nobody to be in the database (or, with --drop,
 * the two), such as one with RENAME, while a second connection ends the
 * sessions there.  `what` is the line of an error report.
 */
extern bool target_database_run_alone(RestorePlan *plan, const SqlText *sql, const char *what);

/*
 * Before anything is done: can the live database be renamed, and with
 * --discard-old dropped, at the end?  False (reported) if not.
 */
extern bool target_database_can_be_replaced(RestorePlan *plan);

/* Put the filled database in the place of the live one, which is kept (or dropped with
 * --discard-old). */
extern bool target_database_swap(RestorePlan *plan);

#endif /* NEX_TARGET_DATABASE_H */
