/*-------------------------------------------------------------------------
 *
 * settings.h
 *	  The settings nex_backup.* of the server.
 *
 * None of them holds a secret: whoever may read pg_settings, a base backup or
 * the log of an ALTER SYSTEM reads settings.  nex_backup.config_file names a
 * file, and that may name others.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_EXTENSION_SETTINGS_H
#define NEX_EXTENSION_SETTINGS_H

#include "datatype/timestamp.h"

typedef enum ExecutorKind
{
	EXECUTOR_WORKER,
	EXECUTOR_AGENT
} ExecutorKind;

extern char *setting_database;
/* The most that nex_backup.reserved_executors can be. */
#define MAX_RESERVED_EXECUTORS 8

extern int setting_executor; /* an ExecutorKind */
extern int setting_reserved_executors;
extern bool setting_scheduler;
extern char *setting_tool_path;
extern char *setting_config_file;
extern char *setting_log_directory;
extern char *setting_archive_repository; /* "": none */
extern char *setting_archive_compression;
extern int setting_archive_threads;
extern int setting_archive_lookahead;

extern void settings_define(void);

/* The time that decisions are taken by, when the real one is `real`. */
extern TimestampTz scheduler_clock(TimestampTz real);

#endif /* NEX_EXTENSION_SETTINGS_H */
