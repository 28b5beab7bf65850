/*-------------------------------------------------------------------------
 *
 * settings.h
 *	  The settings of a run, already checked, in groups.
 *
 * A file includes this and the headers of the groups that it needs, so that
 * an option that is added to a group concerns nobody else.  All of them are
 * in all_settings.h, which only those know who fill them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_SETTINGS_H
#define NEX_SETTINGS_H

typedef struct GeneralSettings GeneralSettings;
typedef struct WorkSettings WorkSettings;
typedef struct KeySettings KeySettings;
typedef struct ConnectionSettings ConnectionSettings;
typedef struct BackupSettings BackupSettings;
typedef struct RestoreSettings RestoreSettings;
typedef struct PartSettings PartSettings;
typedef struct TurnSettings TurnSettings;
typedef struct OwnerSettings OwnerSettings;
typedef struct CommandSettings CommandSettings;
typedef struct ExpireSettings ExpireSettings;
typedef struct FileSettings FileSettings;
typedef struct LogSettings LogSettings;
typedef struct NotifySettings NotifySettings;
typedef struct AgentSettings AgentSettings;
typedef struct StorageSettings StorageSettings;
typedef struct PlaceSettings PlaceSettings;
typedef struct ClusterSettings ClusterSettings;

typedef struct Settings
{
	const GeneralSettings *general;
	const WorkSettings *work;
	const KeySettings *keys;
	const ConnectionSettings *connection;
	const BackupSettings *backup;
	const RestoreSettings *restore;
	const PartSettings *part;
	const TurnSettings *turns;
	const OwnerSettings *owners;
	const CommandSettings *command;
	const ExpireSettings *expire;
	const FileSettings *files;
	const LogSettings *logs;
	const NotifySettings *notify;
	const AgentSettings *agent;
	const StorageSettings *storage;
	const PlaceSettings *places;
	const ClusterSettings *cluster;
} Settings;

#endif /* NEX_SETTINGS_H */
