/*-------------------------------------------------------------------------
 *
 * stays_behind.h
 *	  What goes on with the database that --drop keeps: its logical replication
 *	  slots and its subscriptions.
 *
 * They belong to a database by its OID, so a rename takes them along: others
 * receive nothing of the restored database, rows of others go on to arrive in
 * the one that was put aside, and a slot that nobody reads holds WAL until the
 * disk is full.  Moving them would be wrong as often as right, since their
 * positions are not those of the backup; so they are named, with the commands.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_STAYS_BEHIND_H
#define NEX_STAYS_BEHIND_H

#include "restore_plan.h"

/* Look for them in the live database, and warn if there are any.  False (reported) if that fails.
 */
extern bool stays_behind_look(const RestorePlan *plan);

/* After the swap: what they belong to now, and what to do. */
extern void stays_behind_warn(const RestorePlan *plan);

#endif /* NEX_STAYS_BEHIND_H */
