/*-------------------------------------------------------------------------
 *
 * general_settings.h
 *	  Settings: of every command: which repository, what is printed, and where.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_GENERAL_SETTINGS_H
#define NEX_GENERAL_SETTINGS_H

#include <stdbool.h>

#include "log.h"

typedef enum ProgressStyle
{
	PROGRESS_AUTO, /* a bar on a terminal, log lines otherwise */
	PROGRESS_BAR,
	PROGRESS_LOG,
	PROGRESS_JSON,
	PROGRESS_NONE
} ProgressStyle;

typedef struct GeneralSettings
{
	char *repo;           /* --repo */
	char *server;         /* whose backups; NULL: main, or all */
	bool server_is_given; /* … on the command line */
	char *log_file;
	LogFormat log_format;
	LogLevel log_level; /* -v, -q */
	ProgressStyle progress;
	bool json;       /* --json: results on stdout as JSON */
	char *catalogue; /* conninfo, "none", or NULL for the default search */

	/* Which source is being read: the values of a stronger one replace a list, and do not add to
	 * it. */
	int source;
	const char *config_file; /* that was read, or NULL; a text of argv or the environment */
	bool *on_command_line;   /* whether each option of the table was; NULL: none was */

	/* what follows the options */
	int narguments;
	char **arguments;
} GeneralSettings;

#endif /* NEX_GENERAL_SETTINGS_H */
