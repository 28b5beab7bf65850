/*-------------------------------------------------------------------------
 *
 * cluster_settings.h
 *	  Settings: base backups of whole clusters, and what is made of them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_CLUSTER_SETTINGS_H
#define NEX_CLUSTER_SETTINGS_H

#include <stdbool.h>

/* How the server writes what it has in memory before a base backup begins. */
typedef enum StartCheckpoint
{
	CHECKPOINT_SPREAD,
	CHECKPOINT_FAST
} StartCheckpoint;

/* Where a recovery ends that was given no moment, or one without a position. */
typedef enum RecoveryEnd
{
	RECOVER_TO_END,
	RECOVER_IMMEDIATE
} RecoveryEnd;

/* What the server does when it has reached its target. */
typedef enum RecoveryAction
{
	ACTION_PAUSE,
	ACTION_PROMOTE,
	ACTION_SHUTDOWN
} RecoveryAction;

typedef struct ClusterSettings
{
	StartCheckpoint checkpoint;
	int rate;         /* MB that are read a second, at most; 0: any number */
	int archive_wait; /* seconds, for WAL of a base backup to be archived */

	bool cluster; /* restore all of one, not a database */
	char *data_dir;
	char *target_time;
	char *target_lsn;
	char *target_xid;
	char *target_name;
	RecoveryEnd target;
	bool exclusive;
	char *timeline; /* NULL: the newest that begins on that of the base backup */
	RecoveryAction action;

	/* A database as it was at a moment. */
	char *base;     /* base backup; NULL: the one that fits */
	char *work_dir; /* where its private server is; NULL: TMPDIR, or /var/tmp */
} ClusterSettings;

#endif /* NEX_CLUSTER_SETTINGS_H */
