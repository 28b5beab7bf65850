/*-------------------------------------------------------------------------
 *
 * restore_settings.h
 *	  Settings: where and how a whole backup is restored.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_RESTORE_SETTINGS_H
#define NEX_RESTORE_SETTINGS_H

#include <stdbool.h>

#include "text_list.h"

/* What to do with a role that exists with other attributes than in a backup. */
typedef enum ExistingRoles
{
	EXISTING_ROLES_REFUSE,
	EXISTING_ROLES_ALTER,
	EXISTING_ROLES_KEEP
} ExistingRoles;

/* How the rows of a backup are sent to the server. */
typedef enum CopyFormat
{
	COPY_FORMAT_BINARY, /* as text where there is no binary form */
	COPY_FORMAT_TEXT
} CopyFormat;

/* What a restore does when the server refuses an object or its rows. */
typedef enum OnObjectError
{
	ON_OBJECT_ERROR_STOP,
	ON_OBJECT_ERROR_SKIP
} OnObjectError;

typedef struct RestoreSettings
{
	char *to;
	bool drop;
	bool yes;
	bool discard_old;
	bool no_analyze;
	char *at; /* a time that utc_time_parse() can read */
	bool no_globals;
	ExistingRoles existing_roles;
	TextList tablespace_mappings; /* OLD=NEW */
	bool no_tablespaces;
	char *maintenance_work_mem; /* for index builds; NULL = the server's setting */
	CopyFormat copy_format;
	OnObjectError on_object_error;
	char *object_errors_file; /* NULL: a new name in the current directory */
} RestoreSettings;

#endif /* NEX_RESTORE_SETTINGS_H */
