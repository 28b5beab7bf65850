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
#include <stdbool.h>
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
check_path(const char *text)
{
	if (text[0] != '/')
		return "It must be an absolute path, as it is used from different directories.";
	return NULL;
}

/* One mail address, without a display name; `length` bytes of text. */
static bool
is_address(const char *text, size_t length)
{
	const char *at = memchr(text, '@', length);
	size_t i;

	if (at == NULL || at == text || at + 1 == text + length || length > 254)
		return false;
	for (i = 0; i < length; i++)
	{
		if (text[i] <= ' ' || text[i] > '~' || strchr("<>()[],;:\\\"", text[i]) != NULL)
			return false;
	}
	return memchr(at + 1, '@', length - (size_t) (at + 1 - text)) == NULL;
}

static const char *
check_address(const char *text)
{
	return is_address(text, strlen(text)) ? NULL
										  : "It must be a mail address such as dba@example.com.";
}

static const char *
check_addresses(const char *text)
{
	for (;;)
	{
		size_t length;

		text += strspn(text, " ");
		length = strcspn(text, ", ");
		if (!is_address(text, length))
			return "It must be one or more mail addresses such as dba@example.com, separated by "
				   "commas.";
		text += length;
		text += strspn(text, " ");
		if (*text == '\0')
			return NULL;
		if (*text++ != ',')
			return "Mail addresses are separated by commas.";
	}
}

/* "host", "host:port", "[::1]:port" */
static const char *
check_server(const char *text)
{
	static const char reason[] = "It must be HOST or HOST:PORT, such as smtp.example.com:587.";
	const char *port;
	size_t length;

	if (text[0] == '[')
	{
		length = strspn(text + 1, "0123456789abcdefABCDEF:.");
		if (length == 0 || text[length + 1] != ']')
			return reason;
		port = text + length + 2;
	}
	else
	{
		length = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_");
		if (length == 0)
			return reason;
		port = text + length;
	}
	if (*port == '\0')
		return NULL;
	length = strspn(port + 1, "0123456789");
	return *port == ':' && length > 0 && length <= 5 && port[length + 1] == '\0' ? NULL : reason;
}

static const char *
check_user(const char *text)
{
	for (; *text != '\0'; text++)
	{
		if ((unsigned char) *text < ' ' || *text == 0x7f)
			return "It must not hold control characters.";
	}
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

static const char *
check_events(const char *text)
{
	static const char *const words[] = {"failure",       "recovery", "missed",
										"first-success", "success",  "none"};
	size_t i;

	for (;;)
	{
		size_t length;

		text += strspn(text, " ");
		length = strcspn(text, ", ");
		for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		{
			if (strlen(words[i]) == length && strncmp(words[i], text, length) == 0)
				break;
		}
		if (i == sizeof(words) / sizeof(words[0]))
			return "It must be a list of failure, recovery, missed, first-success and success, "
				   "separated by commas; or none.";
		text += length;
		text += strspn(text, " ");
		if (*text == '\0')
			return NULL;
		if (*text++ != ',')
			return "The words are separated by commas.";
	}
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

	/* restore of a part */
	{.name = "table",
	 .letter = 't',
	 .type = OPTION_LIST,
	 .member = AT(table),
	 .metavar = "PATTERN",
	 .help = "tables: table, schema.table, with * and ?; may be given several times"},
	{.name = "schema",
	 .letter = 'n',
	 .type = OPTION_LIST,
	 .member = AT(schema),
	 .metavar = "PATTERN",
	 .help = "everything in these schemas; may be given several times"},
	{.name = "exclude-table",
	 .letter = 'T',
	 .type = OPTION_LIST,
	 .member = AT(exclude_table),
	 .metavar = "PATTERN",
	 .help = "leave these tables out; may be given several times"},
	{.name = "as",
	 .type = OPTION_TEXT,
	 .member = AT(as),
	 .metavar = "NAME",
	 .help = "give the table another name: name, schema.name"},
	{.name = "append",
	 .type = OPTION_FLAG,
	 .member = AT(append),
	 .help = "add rows to tables that exist, in one transaction"},
	{.name = "data-only",
	 .type = OPTION_FLAG,
	 .member = AT(append),
	 .help = "the same as --append"},
	{.name = "on-conflict",
	 .type = OPTION_CHOICE,
	 .member = AT(on_conflict),
	 .choices = "abort skip",
	 .fallback = "abort",
	 .metavar = "ACTION",
	 .help = "with --append, for rows that are there already: abort, or skip them"},
	{.name = "disable-triggers",
	 .type = OPTION_FLAG,
	 .member = AT(disable_triggers),
	 .help = "with --append: fire no triggers and check no foreign keys (superusers only)"},
	{.name = "schema-only", .type = OPTION_FLAG, .member = AT(schema_only), .help = "no rows"},
	{.name = "no-owner",
	 .type = OPTION_FLAG,
	 .member = AT(no_owner),
	 .help = "do not set owners: all belongs to the user that restores"},
	{.name = "no-privileges",
	 .type = OPTION_FLAG,
	 .member = AT(no_privileges),
	 .help = "do not restore grants"},
	{.name = "role",
	 .type = OPTION_TEXT,
	 .member = AT(role),
	 .metavar = "ROLE",
	 .help = "do everything as this role"},

	/* info, cat */
	{.name = "contents",
	 .type = OPTION_FLAG,
	 .member = AT(contents),
	 .help = "list all objects that the backup holds"},
	{.name = "header",
	 .type = OPTION_FLAG,
	 .member = AT(header),
	 .help = "begin with a line of the columns' names, as COPY … HEADER does"},

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

	/* notify */
	{.name = "test",
	 .type = OPTION_FLAG,
	 .member = AT(test),
	 .help = "send a test message over one channel or all, and say what became of it"},
	{.name = "flush",
	 .type = OPTION_FLAG,
	 .member = AT(flush),
	 .help = "try all waiting messages now, also those whose next try is later"},
	{.name = "check-missed",
	 .type = OPTION_FLAG,
	 .member = AT(check_missed),
	 .help = "look for databases whose latest backup is too old"},
	{.name = "discard-dead",
	 .type = OPTION_FLAG,
	 .member = AT(discard_dead),
	 .help = "forget the messages that were given up"},
	/* agent */
	{.name = "once",
	 .type = OPTION_FLAG,
	 .member = AT(once),
	 .help = "end when nothing is due any more"},
	{.name = "max-runs",
	 .type = OPTION_INTEGER,
	 .member = AT(max_runs),
	 .min = 1,
	 .max = 64,
	 .fallback = "2",
	 .metavar = "N",
	 .help = "run so many jobs at once; the catalogue's limits hold, too"},
	{.name = "agent-name",
	 .type = OPTION_TEXT,
	 .member = AT(agent_name),
	 .check = check_tag,
	 .fallback_note = "the host's",
	 .metavar = "NAME",
	 .help = "name that runs are claimed under"},
	{.name = "stop-timeout",
	 .type = OPTION_DURATION,
	 .member = AT(stop_timeout),
	 .max = 7L * 86400,
	 .fallback = "60s",
	 .metavar = "TIME",
	 .help = "after SIGTERM, how long running jobs may take to end by themselves"},

	/* notifications */
	{.name = "notify-on",
	 .type = OPTION_TEXT,
	 .member = AT(notify_on),
	 .check = check_events,
	 .fallback = "failure,recovery,missed,first-success",
	 .metavar = "EVENTS",
	 .help = "what is worth a message; also: success, none"},
	{.name = "notify-repeat-after",
	 .type = OPTION_DURATION,
	 .member = AT(notify_repeat_after),
	 .max = 30L * 86400,
	 .fallback = "6h",
	 .metavar = "TIME",
	 .help = "while something goes on failing, one message in so much time"},
	{.name = "notify-give-up-after",
	 .type = OPTION_DURATION,
	 .member = AT(notify_give_up_after),
	 .min = 1,
	 .max = 30L * 86400,
	 .fallback = "1d",
	 .metavar = "TIME",
	 .help = "how long a message is tried again"},
	{.name = "notify-missed-after",
	 .type = OPTION_DURATION,
	 .member = AT(notify_missed_after),
	 .min = 1,
	 .max = 366L * 86400,
	 .fallback = "26h",
	 .metavar = "TIME",
	 .help = "age of a database's latest backup from which on one was missed"},
	{.name = "notify-directory",
	 .type = OPTION_TEXT,
	 .member = AT(notify_directory),
	 .check = check_path,
	 .fallback_note = ".local/state/nex_backup/notify in the home directory",
	 .metavar = "DIR",
	 .help = "where messages wait"},
	{.name = "notify-ca-file",
	 .type = OPTION_TEXT,
	 .member = AT(notify_ca_file),
	 .check = check_path,
	 .fallback_note = "the system's",
	 .metavar = "FILE",
	 .help = "certificates (PEM) that mail and web servers are checked against"},
	{.name = "notify-mail-server",
	 .type = OPTION_TEXT,
	 .member = AT(notify_mail_server),
	 .check = check_server,
	 .metavar = "HOST[:PORT]",
	 .help = "mail server; the port's default is 587, 465 with implicit TLS, 25 with plain"},
	{.name = "notify-mail-tls",
	 .type = OPTION_CHOICE,
	 .member = AT(notify_mail_tls),
	 .choices = "starttls implicit plain",
	 .fallback = "starttls",
	 .metavar = "MODE",
	 .help = "starttls (required), implicit, or plain, which is for a relay on this machine"},
	{.name = "notify-mail-user",
	 .type = OPTION_TEXT,
	 .member = AT(notify_mail_user),
	 .check = check_user,
	 .metavar = "USER",
	 .help = "log in to the mail server as this user"},
	{.name = "notify-mail-password-file",
	 .type = OPTION_TEXT,
	 .member = AT(notify_mail_password_file),
	 .check = check_path,
	 .metavar = "FILE",
	 .help = "file (0600) that holds the password"},
	{.name = "notify-mail-from",
	 .type = OPTION_TEXT,
	 .member = AT(notify_mail_from),
	 .check = check_address,
	 .metavar = "ADDRESS",
	 .help = "sender"},
	{.name = "notify-mail-to",
	 .type = OPTION_TEXT,
	 .member = AT(notify_mail_to),
	 .check = check_addresses,
	 .metavar = "ADDRESSES",
	 .help = "who gets mail"},
	{.name = "notify-webhook-url-file",
	 .type = OPTION_TEXT,
	 .member = AT(notify_webhook_url_file),
	 .check = check_path,
	 .metavar = "FILE",
	 .help = "file (0600) that holds the URL to post JSON to"},
	{.name = "notify-webhook-hmac-key-file",
	 .type = OPTION_TEXT,
	 .member = AT(notify_webhook_hmac_key_file),
	 .check = check_path,
	 .metavar = "FILE",
	 .help = "file (0600) that holds the key to sign it with"},
	{.name = "notify-slack-url-file",
	 .type = OPTION_TEXT,
	 .member = AT(notify_slack_url_file),
	 .check = check_path,
	 .metavar = "FILE",
	 .help = "file (0600) that holds the URL of a Slack webhook"},
	{.name = "notify-teams-url-file",
	 .type = OPTION_TEXT,
	 .member = AT(notify_teams_url_file),
	 .check = check_path,
	 .metavar = "FILE",
	 .help = "file (0600) that holds the URL of a Teams workflow"},
	{.name = "notify-ping-url-file",
	 .type = OPTION_TEXT,
	 .member = AT(notify_ping_url_file),
	 .check = check_path,
	 .metavar = "FILE",
	 .help = "file (0600) that holds the URL to tell of start, success and failure"},

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
	{.name = "log-directory",
	 .group = GROUP_GENERAL,
	 .type = OPTION_TEXT,
	 .member = AT(log_directory),
	 .check = check_path,
	 .metavar = "DIR",
	 .help = "keep a log of each run here, as backup_TYPE_YYYYMMDD.log"},
	{.name = "log-keep-days",
	 .group = GROUP_GENERAL,
	 .type = OPTION_INTEGER,
	 .member = AT(log_keep_days),
	 .max = 36500,
	 .fallback = "30",
	 .metavar = "N",
	 .help = "remove logs of runs after N days; 0 keeps them"},
	{.name = "log-keep-files",
	 .group = GROUP_GENERAL,
	 .type = OPTION_INTEGER,
	 .member = AT(log_keep_files),
	 .max = 1000000,
	 .fallback = "200",
	 .metavar = "N",
	 .help = "keep the N newest logs of runs; 0 keeps all"},
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
