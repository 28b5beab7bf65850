/*-------------------------------------------------------------------------
 *
 * settings.h
 *	  Every setting of the tool, already checked.
 *
 * Filled by settings/config.c from command line > environment > YAML file >
 * default, by one table that knows each option's name, type, range and text.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_SETTINGS_H
#define NEX_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>

#include "codec.h"
#include "log.h"

typedef enum ProgressStyle
{
	PROGRESS_AUTO, /* a bar on a terminal, log lines otherwise */
	PROGRESS_BAR,
	PROGRESS_LOG,
	PROGRESS_JSON,
	PROGRESS_NONE
} ProgressStyle;

/* What to do with a role that exists with other attributes than in a backup. */
typedef enum ExistingRoles
{
	EXISTING_ROLES_REFUSE,
	EXISTING_ROLES_ALTER,
	EXISTING_ROLES_KEEP
} ExistingRoles;

/* The values of an option that may be given several times. */
typedef struct TextList
{
	char **items;
	int count;
	int source; /* the Settings.source that they come from */
} TextList;

/* What a backup does when a session waits for a lock behind it. */
typedef enum LockConflictPolicy
{
	ON_LOCK_CONFLICT_WAIT, /* goes on; the others wait */
	ON_LOCK_CONFLICT_ABORT /* gives way */
} LockConflictPolicy;

typedef enum MailTls
{
	MAIL_TLS_STARTTLS, /* required, not "if offered" */
	MAIL_TLS_IMPLICIT,
	MAIL_TLS_PLAIN /* for a relay on this machine */
} MailTls;

/* How the rows of a backup are sent to the server. */
typedef enum CopyFormat
{
	COPY_FORMAT_BINARY, /* as text where there is no binary form */
	COPY_FORMAT_TEXT
} CopyFormat;

typedef enum OnConflict
{
	ON_CONFLICT_ABORT,
	ON_CONFLICT_SKIP
} OnConflict;

/* What a restore does when the server refuses an object or its rows. */
typedef enum OnObjectError
{
	ON_OBJECT_ERROR_STOP,
	ON_OBJECT_ERROR_SKIP
} OnObjectError;

/* Whose rights the code of a live table has while rows are added to it. */
typedef enum RowsAs
{
	ROWS_AS_OWNER,
	ROWS_AS_SESSION
} RowsAs;

/* A set of configuration files, from the settings file. */
typedef struct FileSet
{
	char *name;
	TextList files; /* paths and patterns */
} FileSet;

typedef struct FileSets
{
	FileSet *items;
	int count;
} FileSets;

typedef struct Settings
{
	/* Which source is being read: the values of a stronger one replace a list, and do not add to
	 * it. */
	int source;
	const char *config_file; /* that was read, or NULL; a text of argv or the environment */
	size_t *file_lines;      /* of it, where each option of the table was given; 0: nowhere */
	bool *on_command_line;   /* whether each option of the table was; NULL: none was */

	/* everywhere */
	char *repo;           /* --repo */
	char *server;         /* whose backups; NULL: main, or all */
	bool server_is_given; /* … on the command line */
	char *log_file;
	LogFormat log_format;
	LogLevel log_level; /* -v, -q */
	ProgressStyle progress;
	bool json;       /* --json: results on stdout as JSON */
	char *catalogue; /* conninfo, "none", or NULL for the default search */
	char *pg_bindir;
	int jobs; /* -j: default min(online cores, 8), range 1..64 */

	/* keys */
	TextList identity;  /* files that open backups */
	TextList signer;    /* who is trusted to have written them */
	TextList recipient; /* for whom a new repository is encrypted … */
	TextList recipients_file;
	char *cipher;          /* … and how: "age" */
	char *key_file;        /* … or with which */
	bool symmetric;        /* make one */
	char *passphrase_file; /* where the passphrase comes from */
	char *passphrase_fd;
	TextList passphrase_command;
	char *state_dir; /* where a writer keeps its secrets; NULL: the user's own */

	/* connection; NULL means libpq's default */
	char *dbname;
	char *host;
	char *port;
	char *username;
	bool no_password;    /* -w */
	bool force_password; /* -W */

	/* backup */
	char *type; /* tag: letters, digits, _ and -, default "manual" */
	Codec codec;
	int compress_level;
	int chunk_blocks;      /* heap blocks per chunk, default 4096 */
	int lock_wait_timeout; /* seconds, 0 = wait for ever, default 60 */
	bool all;              /* every database */
	bool no_role_passwords;
	TextList exclude_databases;
	LockConflictPolicy on_lock_conflict;
	int max_snapshot_age; /* seconds, 0 = any age, default 0 */
	bool same_server;     /* has another system identifier now */

	/* restore */
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
	char *object_errors_file; /* NULL: a name of its own in the current directory */

	/* restore of a part; `table` is also the one of cat */
	TextList table;
	TextList schema;
	TextList exclude_table;
	char *as;
	bool append; /* --append, --data-only */
	bool schema_only;
	OnConflict on_conflict;
	bool disable_triggers;
	RowsAs rows_as;
	bool no_owner;
	bool no_privileges;
	char *role;             /* NULL: the user that connects */
	bool allow_unknown_sql; /* run what has no known form; of verify: only warn */

	/* info, cat */
	bool contents;
	bool header;

	/* export */
	char *output;

	/* expire */
	bool dry_run;
	int keep_daily;   /* 7 */
	int keep_weekly;  /* 4 */
	int keep_monthly; /* 0 */
	int keep_yearly;  /* 0 */
	int keep_minimum; /* 1 */

	/* config */
	char *set;              /* of configuration files */
	bool postgres;          /* those of the server */
	char *restore_dir;      /* NULL: where the files came from */
	TextList sensitive_key; /* words; none: the default list */
	FileSets file_sets;     /* "file-sets" of the settings file */

	/* doctor */
	bool fix;

	/* logs of runs */
	char *log_directory; /* NULL: none are kept */
	int log_keep_days;   /* 30; 0 = for ever */
	int log_keep_files;  /* 200; 0 = all */

	/* notifications: what, when, and where they wait */
	char *notify_on;         /* "failure,recovery,…" */
	int notify_repeat_after; /* seconds between two messages about one failing thing */
	int notify_give_up_after;
	int notify_missed_after;
	TextList notify_missed_except;
	char *notify_directory; /* NULL: below the home directory */
	char *notify_ca_file;   /* NULL: the system's */

	/* notifications: channels */
	char *notify_mail_server; /* "host:port" */
	MailTls notify_mail_tls;
	char *notify_mail_user;
	char *notify_mail_password_file;
	char *notify_mail_from;
	char *notify_mail_to; /* comma-separated */
	char *notify_webhook_url_file;
	char *notify_webhook_hmac_key_file;
	char *notify_slack_url_file;
	char *notify_teams_url_file;
	char *notify_ping_url_file;

	/* notify */
	bool test;
	bool flush;
	bool check_missed;
	bool fail_if_waiting;
	bool no_server;
	bool discard_dead;

	/* agent */
	bool once;
	int max_runs;     /* 2 */
	char *agent_name; /* NULL: that of the host */
	int stop_timeout; /* seconds, 60 */

	/* what stands after the options */
	int narguments;
	char **arguments;
} Settings;

#endif /* NEX_SETTINGS_H */
