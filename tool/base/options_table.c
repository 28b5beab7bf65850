/*-------------------------------------------------------------------------
 *
 * options_table.c
 *	  What options there are.
 *
 * Order within a group is the order in --help.
 *
 *-------------------------------------------------------------------------
 */
#include "options.h"

#include <ctype.h>
#include <stdint.h>
#include <string.h>

#include "utc_time.h"

#define AT(member) offsetof(Settings, member)

static const char *
check_tag(const char *text)
{
	size_t length = strlen(text);

	if (length > 32 || strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
									"0123456789_-") != length)
		return "It must be of letters, digits, \"_\" and \"-\", 32 at most.";
	return NULL;
}

/* A number with one of the units of PostgreSQL's memory settings. */
static const char *
check_memory(const char *text)
{
	static const char *const units[] = {"kB", "MB", "GB", "TB"};
	size_t digits = strspn(text, "0123456789");
	size_t i;

	for (i = 0; i < sizeof(units) / sizeof(units[0]); i++)
	{
		if (digits > 0 && digits <= 9 && strcmp(text + digits, units[i]) == 0)
			return NULL;
	}
	return "It must be a whole number with a unit, such as 512MB; units are kB, MB, GB and TB.";
}

static const char *
check_cipher(const char *text)
{
	if (strcmp(text, "age") != 0 && strcmp(text, "aes-256-gcm") != 0 && strcmp(text, "none") != 0)
		return "It must be age, aes-256-gcm, or none.";
	return NULL;
}

static const char *
check_descriptor(const char *text)
{
	if (text[0] == '\0' || strlen(text) > 4 || strspn(text, "0123456789") != strlen(text))
		return "It must be the number of an open descriptor.";
	return NULL;
}

static const char *
check_database_name(const char *text)
{
	if (strlen(text) > 63)
		return "A database name has at most 63 bytes.";
	return NULL;
}

static const char *
check_time(const char *text)
{
	double seconds;

	if (!utc_time_parse(text, &seconds))
		return "It must be a time such as \"2026-11-23\", \"2026-11-23 02:00\" or "
			   "\"2026-11-23T02:00:00+01\"; without an offset it is UTC.";
	return NULL;
}

static const char *
check_mapping(const char *text)
{
	const char *equals = strchr(text, '=');

	if (equals == NULL || equals == text || equals[1] != '/' || text[0] != '/')
		return "It must be two absolute directories, OLD=NEW.";
	return NULL;
}

static const char *
check_pattern(const char *text)
{
	size_t quotes = 0;

	for (; *text != '\0'; text++)
		quotes += *text == '"';
	return quotes % 2 == 0 ? NULL : "A quotation mark is not closed.";
}

const Option option_table[] = {
	/* backup, verify, restore */
	{.name = "jobs",
	 .letter = 'j',
	 .type = OPTION_INTEGER,
	 .member = AT(jobs),
	 .min = 1,
	 .max = 64,
	 .fallback_note = "number of cores, at most 8",
	 .metavar = "N",
	 .help = "work with so many connections or threads at once"},

	/* backup */
	{.name = "type",
	 .type = OPTION_TEXT,
	 .member = AT(type),
	 .check = check_tag,
	 .fallback = "manual",
	 .metavar = "TAG",
	 .help = "mark the backup with a word of your own: nightly, before-upgrade"},
	{.name = "compress",
	 .type = OPTION_COMPRESSION,
	 .member = AT(codec),
	 .fallback = "zstd:1",
	 .metavar = "CODEC[:LEVEL]",
	 .help = "zstd (1 to 19), gzip (1 to 12), or none"},
	{.name = "chunk-blocks",
	 .type = OPTION_INTEGER,
	 .member = AT(chunk_blocks),
	 .min = 1,
	 .max = 131072,
	 .fallback = "4096",
	 .metavar = "N",
	 .help = "split tables into chunks of N blocks of 8 kB"},
	{.name = "lock-wait-timeout",
	 .type = OPTION_DURATION,
	 .member = AT(lock_wait_timeout),
	 .min = 0,
	 .max = 7L * 86400,
	 .fallback = "60s",
	 .metavar = "TIME",
	 .help = "fail if a table cannot be locked within TIME; 0 waits for ever"},

	{.name = "all",
	 .type = OPTION_FLAG,
	 .member = AT(all),
	 .help = "every database, and the globals: roles and tablespaces"},
	{.name = "exclude-database",
	 .type = OPTION_LIST,
	 .member = AT(exclude_databases),
	 .check = check_pattern,
	 .metavar = "PATTERN",
	 .help = "with --all: leave out databases of such names, as in psql: \"test*\"; may be given "
			 "several times"},
	{.name = "no-role-passwords",
	 .type = OPTION_FLAG,
	 .member = AT(no_role_passwords),
	 .help = "leave the passwords of the roles out of a backup of the globals"},
	{.name = "on-lock-conflict",
	 .type = OPTION_CHOICE,
	 .member = AT(on_lock_conflict),
	 .choices = "wait abort",
	 .fallback = "wait",
	 .metavar = "POLICY",
	 .help = "when a session waits for a lock behind the backup: let it wait, or abort"},
	{.name = "max-snapshot-age",
	 .type = OPTION_DURATION,
	 .member = AT(max_snapshot_age),
	 .min = 0,
	 .max = 30L * 86400,
	 .fallback = "0",
	 .metavar = "TIME",
	 .help = "abort when the snapshot gets older than TIME; 0 lets it"},

	/* restore */
	{.name = "to",
	 .type = OPTION_TEXT,
	 .member = AT(to),
	 .check = check_database_name,
	 .metavar = "DBNAME",
	 .help = "name of the database to restore into"},
	{.name = "drop",
	 .type = OPTION_FLAG,
	 .member = AT(drop),
	 .help = "replace the database if it exists: load beside it, check, then swap"},
	{.name = "discard-old",
	 .type = OPTION_FLAG,
	 .member = AT(discard_old),
	 .help = "with --drop: drop the old database once the new one is in its place"},
	{.name = "yes", .type = OPTION_FLAG, .member = AT(yes), .help = "do not ask for confirmation"},
	{.name = "no-analyze",
	 .type = OPTION_FLAG,
	 .member = AT(no_analyze),
	 .help = "do not collect planner statistics at the end"},
	{.name = "at",
	 .type = OPTION_TEXT,
	 .member = AT(at),
	 .check = check_time,
	 .metavar = "TIME",
	 .help = "the latest backup whose snapshot is not after TIME: \"2026-11-23 02:00\", in UTC"},
	{.name = "no-globals",
	 .type = OPTION_FLAG,
	 .member = AT(no_globals),
	 .help = "with --all: restore no roles and tablespaces"},
	{.name = "existing-roles",
	 .type = OPTION_CHOICE,
	 .member = AT(existing_roles),
	 .choices = "refuse alter keep",
	 .fallback = "refuse",
	 .metavar = "RULE",
	 .help = "roles that exist with other attributes: refuse, alter, or keep them"},
	{.name = "tablespace-mapping",
	 .type = OPTION_LIST,
	 .member = AT(tablespace_mappings),
	 .check = check_mapping,
	 .metavar = "OLD=NEW",
	 .help = "create the tablespace of directory OLD in directory NEW; may be given several times"},
	{.name = "no-tablespaces",
	 .type = OPTION_FLAG,
	 .member = AT(no_tablespaces),
	 .help = "put everything into the default tablespace"},
	{.name = "maintenance-work-mem",
	 .type = OPTION_TEXT,
	 .member = AT(maintenance_work_mem),
	 .check = check_memory,
	 .fallback_note = "the server's setting",
	 .metavar = "SIZE",
	 .help = "memory for each index build: 512MB"},

	/* export */
	{.name = "output",
	 .letter = 'o',
	 .type = OPTION_TEXT,
	 .member = AT(output),
	 .metavar = "FILE",
	 .help = "file to write"},

	/* expire */
	{.name = "dry-run",
	 .type = OPTION_FLAG,
	 .member = AT(dry_run),
	 .help = "only say what would be removed"},
	{.name = "keep-daily",
	 .type = OPTION_INTEGER,
	 .member = AT(keep_daily),
	 .max = 10000,
	 .fallback = "7",
	 .metavar = "N",
	 .help = "keep the newest backup of each of N days"},
	{.name = "keep-weekly",
	 .type = OPTION_INTEGER,
	 .member = AT(keep_weekly),
	 .max = 10000,
	 .fallback = "4",
	 .metavar = "N",
	 .help = "… of each of N weeks"},
	{.name = "keep-monthly",
	 .type = OPTION_INTEGER,
	 .member = AT(keep_monthly),
	 .max = 10000,
	 .fallback = "0",
	 .metavar = "N",
	 .help = "… of each of N months"},
	{.name = "keep-yearly",
	 .type = OPTION_INTEGER,
	 .member = AT(keep_yearly),
	 .max = 10000,
	 .fallback = "0",
	 .metavar = "N",
	 .help = "… of each of N years"},
	{.name = "keep-minimum",
	 .type = OPTION_INTEGER,
	 .member = AT(keep_minimum),
	 .min = 1,
	 .max = 10000,
	 .fallback = "1",
	 .metavar = "N",
	 .help = "keep at least the N newest, however old"},

	/* init, key */
	{.name = "recipient",
	 .type = OPTION_LIST,
	 .member = AT(recipient),
	 .metavar = "age1…",
	 .help = "encrypt for the owner of this public key; may be given several times"},
	{.name = "recipients-file",
	 .type = OPTION_LIST,
	 .member = AT(recipients_file),
	 .metavar = "FILE",
	 .help = "… for each public key in FILE, one a line"},
	{.name = "cipher",
	 .type = OPTION_TEXT,
	 .member = AT(cipher),
	 .check = check_cipher,
	 .fallback_note = "age, when there are recipients",
	 .metavar = "CIPHER",
	 .help = "how to encrypt: age, aes-256-gcm, or none"},

	/* doctor */
	{.name = "fix",
	 .type = OPTION_FLAG,
	 .member = AT(fix),
	 .help = "repair what can be repaired without risk"},

	/* connection, as in PostgreSQL's own tools */
	{.name = "dbname",
	 .letter = 'd',
	 .group = GROUP_CONNECTION,
	 .type = OPTION_TEXT,
	 .member = AT(dbname),
	 .metavar = "DBNAME",
	 .help = "database, or a connection string or URI"},
	{.name = "host",
	 .letter = 'h',
	 .group = GROUP_CONNECTION,
	 .type = OPTION_TEXT,
	 .member = AT(host),
	 .metavar = "HOSTNAME",
	 .help = "database server host or socket directory"},
	{.name = "port",
	 .letter = 'p',
	 .group = GROUP_CONNECTION,
	 .type = OPTION_TEXT,
	 .member = AT(port),
	 .metavar = "PORT",
	 .help = "database server port number"},
	{.name = "username",
	 .letter = 'U',
	 .group = GROUP_CONNECTION,
	 .type = OPTION_TEXT,
	 .member = AT(username),
	 .metavar = "USERNAME",
	 .help = "connect as this user"},
	{.name = "no-password",
	 .letter = 'w',
	 .group = GROUP_CONNECTION,
	 .type = OPTION_FLAG,
	 .member = AT(no_password),
	 .clears = AT(force_password),
	 .help = "never prompt for password"},
	{.name = "password",
	 .letter = 'W',
	 .group = GROUP_CONNECTION,
	 .type = OPTION_FLAG,
	 .member = AT(force_password),
	 .clears = AT(no_password),
	 .help = "force password prompt"},

	/* everywhere */
	{.name = "repo",
	 .group = GROUP_GENERAL,
	 .type = OPTION_TEXT,
	 .member = AT(repo),
	 .metavar = "DIR",
	 .help = "the repository"},
	{.name = "config",
	 .group = GROUP_GENERAL,
	 .type = OPTION_ACTION,
	 .fallback_note = "/etc/nex_backup.yaml, if it exists",
	 .metavar = "FILE",
	 .help = "read settings from a YAML file"},
	{.name = "json",
	 .group = GROUP_GENERAL,
	 .type = OPTION_FLAG,
	 .member = AT(json),
	 .help = "print results as JSON"},
	{.name = "progress",
	 .group = GROUP_GENERAL,
	 .type = OPTION_CHOICE,
	 .member = AT(progress),
	 .choices = "auto bar log json none",
	 .fallback = "auto",
	 .metavar = "STYLE",
	 .help = "show progress: auto, bar, log, json, or none"},
	{.name = "catalogue",
	 .group = GROUP_GENERAL,
	 .type = OPTION_TEXT,
	 .member = AT(catalogue),
	 .fallback_note = "the database at hand, then postgres",
	 .metavar = "CONNINFO",
	 .help = "where the extension keeps its records, or none"},
	{.name = "pg-bindir",
	 .group = GROUP_GENERAL,
	 .type = OPTION_TEXT,
	 .member = AT(pg_bindir),
	 .metavar = "DIR",
	 .help = "look here first for pg_dump and pg_restore"},
	{.name = "identity",
	 .group = GROUP_GENERAL,
	 .type = OPTION_LIST,
	 .member = AT(identity),
	 .metavar = "FILE",
	 .help = "open encrypted backups with the secret keys in FILE"},
	{.name = "signer",
	 .group = GROUP_GENERAL,
	 .type = OPTION_LIST,
	 .member = AT(signer),
	 .metavar = "KEY",
	 .help = "accept encrypted backups only if they are signed by KEY"},
	{.name = "passphrase-file",
	 .group = GROUP_GENERAL,
	 .type = OPTION_TEXT,
	 .member = AT(passphrase_file),
	 .metavar = "FILE",
	 .help = "read the passphrase of an identity file from FILE"},
	{.name = "passphrase-fd",
	 .group = GROUP_GENERAL,
	 .type = OPTION_TEXT,
	 .member = AT(passphrase_fd),
	 .check = check_descriptor,
	 .metavar = "N",
	 .help = "… from descriptor N"},
	{.name = "passphrase-command",
	 .group = GROUP_GENERAL,
	 .type = OPTION_LIST,
	 .member = AT(passphrase_command),
	 .metavar = "WORD",
	 .help = "… from a program: its path, then each argument in an option of its own"},
	{.name = "state-dir",
	 .group = GROUP_GENERAL,
	 .type = OPTION_TEXT,
	 .member = AT(state_dir),
	 .fallback_note = "~/.local/state/nex_backup",
	 .metavar = "DIR",
	 .help = "where the keys of a writer of encrypted backups lie"},
	{.name = "log-file",
	 .group = GROUP_GENERAL,
	 .type = OPTION_TEXT,
	 .member = AT(log_file),
	 .metavar = "FILE",
	 .help = "append messages to a file"},
	{.name = "log-format",
	 .group = GROUP_GENERAL,
	 .type = OPTION_CHOICE,
	 .member = AT(log_format),
	 .choices = "human json",
	 .fallback = "human",
	 .metavar = "FORMAT",
	 .help = "messages as text (human) or as JSON lines (json)"},
	{.name = "verbose",
	 .letter = 'v',
	 .group = GROUP_GENERAL,
	 .type = OPTION_LEVEL,
	 .member = AT(log_level),
	 .min = LOG_LEVEL_DEBUG,
	 .help = "say more"},
	{.name = "quiet",
	 .letter = 'q',
	 .group = GROUP_GENERAL,
	 .type = OPTION_LEVEL,
	 .member = AT(log_level),
	 .min = LOG_LEVEL_WARNING,
	 .help = "only warnings and errors"},
	{.name = "version",
	 .letter = 'V',
	 .group = GROUP_GENERAL,
	 .type = OPTION_ACTION,
	 .help = "output version information, then exit"},
	{.name = "help",
	 .letter = '?',
	 .group = GROUP_GENERAL,
	 .type = OPTION_ACTION,
	 .help = "show this help, then exit"},
};

const int option_count = (int) (sizeof(option_table) / sizeof(option_table[0]));

_Static_assert(sizeof(option_table) / sizeof(option_table[0]) <= OPTION_MAX_COUNT,
			   "OPTION_MAX_COUNT is too small");
