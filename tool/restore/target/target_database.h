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

#include "restore_plan.h"

/* Is this session that of a superuser, whatever role it has taken?  Sets plan->superuser. */
extern bool target_database_look_at_role(RestorePlan *plan);

/* Has the database that exists the encoding, locale and tablespace of the backup? */
extern bool target_database_is_alike(const RestorePlan *plan, bool *alike);

/*
 * CREATE DATABASE with the properties of the backup, marked as a restore in
 * progress, ours and closed to everybody else: whoever got in while it is filled
 * could put code beside rows that arrive with the rights of this session.
 */
extern bool target_database_create(RestorePlan *plan);

/* Everything is in it: give it to its owner. */
extern bool target_database_finish(RestorePlan *plan);

/*
 * The last step, after the privileges of the database: let others connect, and take the mark away,
 * unless a comment takes its place.  Until then the next restore knows whose work it is.
 */
extern bool target_database_open(RestorePlan *plan);

/* What PUBLIC has in a new database, and was taken from it; before the privileges of the backup. */
extern void target_database_give_to_public(const RestorePlan *plan, SqlText *sql);

/* The same as SQL, of one that we created, to be run with its privileges: all of it or nothing. */
extern bool target_database_last_step(RestorePlan *plan, bool keeps_comment, SqlText *sql);

/* Remove a half-filled database that we created, or say how to. */
extern void target_database_discard(RestorePlan *plan);

#endif /* NEX_TARGET_DATABASE_H */
