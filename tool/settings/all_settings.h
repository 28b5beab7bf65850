/*-------------------------------------------------------------------------
 *
 * all_settings.h
 *	  All settings of a run, for those who fill them.
 *
 * Filled by config.c from command line > environment > YAML file > default, by
 * one table that knows each option's name, type, range and text.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_ALL_SETTINGS_H
#define NEX_ALL_SETTINGS_H

#include <stddef.h>

#include "agent_settings.h"
#include "backup_settings.h"
#include "cluster_settings.h"
#include "command_settings.h"
#include "connection_settings.h"
#include "expire_settings.h"
#include "file_settings.h"
#include "general_settings.h"
#include "key_settings.h"
#include "log_settings.h"
#include "notify_settings.h"
#include "owner_settings.h"
#include "part_settings.h"
#include "place_settings.h"
#include "restore_settings.h"
#include "settings.h"
#include "storage_settings.h"
#include "turn_settings.h"
#include "work_settings.h"

typedef struct AllSettings
{
	Settings view; /* of the groups below, for those who use them */

	size_t *file_lines; /* where each option of the table was given in general.config_file; 0:
						   nowhere */

	GeneralSettings general;
	WorkSettings work;
	KeySettings keys;
	ConnectionSettings connection;
	BackupSettings backup;
	RestoreSettings restore;
	PartSettings part;
	TurnSettings turns;
	OwnerSettings owners;
	CommandSettings command;
	ExpireSettings expire;
	FileSettings files;
	LogSettings logs;
	NotifySettings notify;
	AgentSettings agent;
	StorageSettings storage;
	PlaceSettings places;
	ClusterSettings cluster;
} AllSettings;

#endif /* NEX_ALL_SETTINGS_H */
