/*-------------------------------------------------------------------------
 *
 * backup_settings.h
 *	  Settings: how a backup is made.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_BACKUP_SETTINGS_H
#define NEX_BACKUP_SETTINGS_H

#include <stdbool.h>

#include "codec.h"
#include "text_list.h"

/* What a backup does when a session waits for a lock behind it. */
typedef enum LockConflictPolicy
{
	ON_LOCK_CONFLICT_WAIT, /* goes on; the others wait */
	ON_LOCK_CONFLICT_ABORT /* is canceled for them */
} LockConflictPolicy;

typedef struct BackupSettings
{
	char *type; /* tag: letters, digits, _ and -, default "manual" */
	Codec codec;
	int compress_level;
	int chunk_blocks;      /* heap blocks per chunk, default 4096 */
	int lock_wait_timeout; /* seconds, 0 = wait forever, default 60 */
	bool all;              /* every database */
	bool no_role_passwords;
	TextList exclude_databases;
	LockConflictPolicy on_lock_conflict;
	int max_snapshot_age; /* seconds, 0 = any age, default 0 */
	bool same_server;     /* has another system identifier now */
} BackupSettings;

#endif /* NEX_BACKUP_SETTINGS_H */
