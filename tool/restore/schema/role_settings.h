/*-------------------------------------------------------------------------
 *
 * role_settings.h
 *	  Settings of roles in the restored database.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_ROLE_SETTINGS_H
#define NEX_ROLE_SETTINGS_H

#include "buffer.h"
#include "connection.h"
#include "restore_plan.h"

/* Move ALTER ROLE ... IN DATABASE out of these statements into others. */
extern void role_settings_take(Buffer *sql, Buffer *others);

/*
 * Run them, one at a time.  What waits for a lock that a role has on its own
 * settings, and what would give settings to a role that can do more here than
 * where the backup was made, is left out and reported, but the restore goes on: true.
 */
extern bool role_settings_run(const RestorePlan *plan, Connection *connection,
							  const Buffer *statements);

#endif /* NEX_ROLE_SETTINGS_H */
