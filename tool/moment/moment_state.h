/*-------------------------------------------------------------------------
 *
 * moment_state.h
 *	  What is known of a moment to which a database is brought (moment.h).
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_MOMENT_STATE_H
#define NEX_MOMENT_STATE_H

#include "backup_settings.h"
#include "cluster_restore.h"
#include "connection_settings.h"
#include "private_server.h"
#include "restore_settings.h"
#include "settings.h"

/* The settings of the run, with others for what is done on the way. */
typedef struct MomentSettings
{
	Settings of_cluster; /* the base backup becomes files */
	Settings of_server;  /* these become a backup */
	ClusterSettings cluster;
	RestoreSettings restore;
	BackupSettings backup;
	ConnectionSettings connection;
} MomentSettings;

typedef struct Moment
{
	const Settings *settings;
	Repository *repository;
	MomentSettings own;
	ClusterRestore restore;
	PrivateServer server;
	Repository *copy; /* that is thrown away */
	char *backup;     /* in it: "DB/ID" */
} Moment;

#endif /* NEX_MOMENT_STATE_H */
