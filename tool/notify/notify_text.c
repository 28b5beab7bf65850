/*-------------------------------------------------------------------------
 *
 * notify_text.c
 *	  From facts to an event with a subject and a text.
 *
 * Read by somebody whom it has woken up: what is broken, since when, what
 * there is to fall back on, and a command to begin with, in this order.
 *
 *-------------------------------------------------------------------------
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "buffer.h"
#include "json_text.h"
#include "log.h"
#include "manifest.h"
#include "memory.h"
#include "notify_queue.h"
#include "notify_text.h"
#include "printable.h"
#include "quote.h"
#include "target.h"
#include "version.h"

const char *
reason_word(NotifyReason reason)
{
	static const char *const words[] = {"failure",       "recovery", "missed",
										"first-success", "success",  "test"};

	return words[reason];
}

void
iso_time(time_t when, char text[32])
{
	struct tm utc;

	gmtime_r(&when, &utc);
	strftime(text, 32, "%Y-%m-%dT%H:%M:%SZ", &utc);
}

char *
harmless_text(const char *text, bool lines)
{
	Buffer out;

	buffer_init(&out);
	buffer_append_string(&out, "");
	while (*text != '\0')
	{
		int length = printable_length(text);

		if (length > 0)
			buffer_append(&out, text, (size_t) length);
		else if (lines && *text == '\n')
			buffer_append_char(&out, '\n');
		else if (lines && *text == '\t')
			buffer_append_string(&out, "    ");
		else
			buffer_printf(&out, "\\x%02x", (unsigned char) *text);
		text += length > 0 ? length : 1;
	}
	return buffer_detach(&out);
}

/* A word for a shell; what cannot be typed is left to the reader. */
static void
append_shell_word(Buffer *out, const char *word)
{
	const char *c;

	for (c = word; *c != '\0'; c += printable_length(c))
	{
		if (printable_length(c) == 0)
		{
			buffer_append_string(out, "NAME");
			return;
		}
	}
	if (word[strspn(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
						  "0123456789_./:@%+=-")] == '\0' &&
		word[0] != '-')
	{
		buffer_append_string(out, word);
		return;
	}
	buffer_append_char(out, '\'');
	for (c = word; *c != '\0'; c++)
	{
		if (*c == '\'')
			buffer_append_string(out, "'\\''");
		else
			buffer_append_char(out, *c);
	}
	buffer_append_char(out, '\'');
}

/* The command that comes next; `%` in the pattern is the database. */
static const char *
next_command(NotifyReason reason, const json_t *facts)
{
	const char *kind = json_member(facts, "kind");
	int code = (int) json_integer_value(json_object_get(facts, "exit_code"));

	if (reason == REASON_TEST)
		return "nex_backup notify list";
	if (reason == REASON_MISSED)
		return "nex_backup backup -d %";
	if (reason != REASON_FAILURE)
		return "nex_backup list %";
	if (code == EXIT_INTEGRITY)
		return "nex_backup verify %";
	if (strcmp(kind, "expire") == 0)
		return "nex_backup expire --dry-run";
	return "nex_backup doctor -d %";
}

/* The same for globals, which are not a database. */
static const char *
next_command_globals(NotifyReason reason, const json_t *facts)
{
	int code = (int) json_integer_value(json_object_get(facts, "exit_code"));

	if (reason == REASON_MISSED)
		return "nex_backup globals backup";
	if (reason != REASON_FAILURE)
		return "nex_backup globals list";
	return code == EXIT_INTEGRITY ? "nex_backup globals verify" : "nex_backup doctor";
}

/* The same for a set of files, of which only age and verifications are told. */
static const char *
next_command_set(NotifyReason reason)
{
	if (reason == REASON_MISSED)
		return "nex_backup config backup --set=%";
	return reason == REASON_FAILURE ? "nex_backup config verify %" : "nex_backup config list %";
}

static bool
follows_d(const Buffer *out)
{
	return out->length > 3 && strcmp(out->data + out->length - 3, "-d ") == 0;
}

static char *
command_text(NotifyReason reason, const json_t *facts)
{
	const char *set = json_member(facts, "set");
	const char *database = set != NULL ? set : json_member(facts, "database");
	const char *repository = json_member(facts, "repository");
	bool globals = set == NULL && database != NULL && strcmp(database, GLOBALS_DATABASE) == 0;
	const char *c = set != NULL ? next_command_set(reason)
					: globals   ? next_command_globals(reason, facts)
								: next_command(reason, facts);
	Buffer out;

	buffer_init(&out);
	for (; *c != '\0'; c++)
	{
		if (*c != '%')
			buffer_append_char(&out, *c);
		else if (database != NULL && is_conninfo(database) && follows_d(&out))
		{
			/* Of a name that somebody chose so, -d would connect elsewhere. */
			char *conninfo = conninfo_of_database(database);

			append_shell_word(&out, conninfo);
			free(conninfo);
		}
		else if (database != NULL && (database[0] != '-' || follows_d(&out)))
			append_shell_word(&out, database);
		else if (database != NULL)
			buffer_append_string(&out, "DATABASE"); /* its name would be an option */
		else if (follows_d(&out))
			buffer_append_string(&out, "DATABASE");
	}
	if (json_member(facts, "server") != NULL)
		buffer_printf(&out, "%s--server=%s", out.data[out.length - 1] == ' ' ? "" : " ",
					  json_member(facts, "server"));
	if (repository != NULL && reason != REASON_TEST)
	{
		buffer_append_string(&out, out.data[out.length - 1] == ' ' ? "--repo " : " --repo ");
		append_shell_word(&out, repository);
	}
	return buffer_detach(&out);
}

/* "backup of invoices", "verify of all databases" */
static char *
subject_matter(const json_t *facts)
{
	const char *kind = json_member(facts, "kind");
	const char *set = json_member(facts, "set");
	const char *database = set != NULL ? set : json_member(facts, "database");
	const char *server = json_member(facts, "server");
	char *name = database != NULL ? harmless_text(database, false) : NULL;
	char *matter;

	if (set != NULL)
		matter = xasprintf("%s of files of set %s", kind, name);
	else if (name != NULL && strcmp(name, GLOBALS_DATABASE) == 0)
		matter = xasprintf("%s of the globals%s%s", kind, server != NULL ? " of server " : "",
						   server != NULL ? server : "");
	else if (name != NULL)
		matter = xasprintf("%s of %s%s%s", kind, server != NULL ? server : "",
						   server != NULL ? "@" : "", name);
	else if (strcmp(kind, "backup") == 0 || strcmp(kind, "restore") == 0)
		matter = xstrdup(kind);
	else
		matter = xasprintf("%s of all databases", kind);
	free(name);
	return matter;
}

static char *
subject_text(NotifyReason reason, const char *matter, const json_t *state, const char *host)
{
	json_int_t failures = json_integer_value(json_object_get(state, "failures"));

	switch (reason)
	{
		case REASON_FAILURE:
			if (failures > 1 && !json_is_true(json_object_get(state, "another")))
				return xasprintf("[nex_backup] STILL FAILING (%lld times): %s on %s",
								 (long long) failures, matter, host);
			return xasprintf("[nex_backup] FAILED: %s on %s", matter, host);
		case REASON_RECOVERY:
			return xasprintf("[nex_backup] OK again: %s on %s", matter, host);
		case REASON_MISSED:
			return xasprintf("[nex_backup] MISSED: %s on %s", matter, host);
		case REASON_FIRST_SUCCESS:
			return xasprintf("[nex_backup] OK: first %s on %s", matter, host);
		case REASON_SUCCESS:
			return xasprintf("[nex_backup] OK: %s on %s", matter, host);
		case REASON_TEST:
			return xasprintf("[nex_backup] test message from %s", host);
	}
	return xstrdup("[nex_backup]");
}

/* The first sentence. */
static void
append_headline(Buffer *out, NotifyReason reason, const char *matter, const json_t *state)
{
	json_int_t failures = json_integer_value(json_object_get(state, "failures"));
	json_int_t unreported = json_integer_value(json_object_get(state, "unreported"));

	switch (reason)
	{
		case REASON_FAILURE:
			buffer_printf(out, "The %s failed", matter);
			if (failures > 1)
				buffer_printf(out, ", %lld times in a row by now", (long long) failures);
			buffer_append_string(out, json_is_true(json_object_get(state, "another"))
										  ? ", now for another reason.\n"
									  : json_is_true(json_object_get(state, "over"))
										  ? ". This message comes late: it has succeeded since.\n"
										  : ".\n");
			if (unreported > 0)
				buffer_printf(out, "%lld of these failures were not reported separately.\n",
							  (long long) unreported);
			break;
		case REASON_RECOVERY:
			buffer_printf(out, "The %s is good again", matter);
			if (failures > 0)
				buffer_printf(out, " after %lld failure%s", (long long) failures,
							  failures == 1 ? "" : "s");
			if (unreported > 0)
				buffer_printf(out, ", %lld of which were not reported separately",
							  (long long) unreported);
			buffer_append_string(out, ".\n");
			break;
		case REASON_MISSED:
			buffer_printf(out, "The %s did not happen when it should have.\n", matter);
			break;
		case REASON_FIRST_SUCCESS:
			buffer_printf(out, "The %s succeeded, for the first time since notifications are on.\n",
						  matter);
			break;
		case REASON_SUCCESS:
			buffer_printf(out, "The %s succeeded.\n", matter);
			break;
		case REASON_TEST:
			buffer_append_string(
				out, "This is a test. If you can read it, notifications reach you here.\n");
			break;
	}
	buffer_append_char(out, '\n');
}

static void
append_line(Buffer *out, const char *label, const char *text)
{
	char *safe;

	if (text == NULL || text[0] == '\0')
		return;
	safe = harmless_text(text, false);
	buffer_printf(out, "%-12s %s\n", label, safe);
	free(safe);
}

/* "2026-11-23T02:00:00Z (5 h 3 min ago)" */
static char *
time_and_age(time_t when)
{
	long minutes = (long) (time(NULL) - when) / 60;
	char iso[32];

	iso_time(when, iso);
	if (minutes < 1)
		return xasprintf("%s (just now)", iso);
	if (minutes < 60)
		return xasprintf("%s (%ld min ago)", iso, minutes);
	if (minutes < 48L * 60)
		return xasprintf("%s (%ld h %ld min ago)", iso, minutes / 60, minutes % 60);
	return xasprintf("%s (%ld days ago)", iso, minutes / (24L * 60));
}

static void
append_time_line(Buffer *out, const char *label, const json_t *state, const char *key)
{
	json_int_t when = json_integer_value(json_object_get(state, key));
	char *text;

	if (when <= 0)
		return;
	text = time_and_age((time_t) when);
	append_line(out, label, text);
	free(text);
}

static const char *
exit_code_text(int code)
{
	switch (code)
	{
		case EXIT_DONE:
			return "0 (done)";
		case EXIT_FAILED:
			return "1 (failed)";
		case EXIT_USAGE:
			return "2 (wrong usage or configuration)";
		case EXIT_INTEGRITY:
			return "3 (a backup is damaged or incomplete, or holds SQL that nex_backup does not "
				   "write)";
		case EXIT_LOCKED:
			return "4 (locked, or already running)";
		case EXIT_INTERRUPTED:
			return "130 (interrupted)";
		default:
			return "none (it was killed, or the machine stopped)";
	}
}

static void
append_last_good(Buffer *out, const json_t *facts, const json_t *state)
{
	const char *backup = json_member(state, "last_good_backup");
	json_int_t when = json_integer_value(json_object_get(state, "last_good_time"));
	bool is_backup = strcmp(json_member(facts, "kind"), "backup") == 0;
	const char *label = is_backup ? "Last good:" : "Last success:";
	char *age;
	char *text;

	if (when <= 0)
	{
		append_line(out, label, is_backup ? "none known: THERE MAY BE NO BACKUP" : "none known");
		return;
	}
	age = time_and_age((time_t) when);
	text = xasprintf("%s%s%s", backup != NULL ? backup : "", backup != NULL ? ", " : "", age);
	append_line(out, label, text);
	free(text);
	free(age);
}

/* How notify-missed-except names this one: a pattern, in YAML's single quotes. */
static void
append_exception(Buffer *out, const json_t *facts)
{
	const char *set = json_member(facts, "set");
	const char *name = set != NULL ? set : json_member(facts, "database");
	const char *server = json_member(facts, "server");
	bool globals = set == NULL && strcmp(name, GLOBALS_DATABASE) == 0;
	char *full = xasprintf("%s%s%s", server != NULL ? server : "", server != NULL ? "@" : "",
						   globals ? "globals" : name);
	char *safe = harmless_text(full, false);
	bool plain = safe[strspn(safe, "abcdefghijklmnopqrstuvwxyz0123456789_-.")] == '\0';
	const char *c;

	buffer_printf(out, "'%s%s", set != NULL ? "config/" : "", plain ? "" : "\"");
	for (c = safe; *c != '\0'; c++)
	{
		buffer_append_char(out, *c);
		if (*c == '\'' || *c == '"')
			buffer_append_char(out, *c);
	}
	buffer_printf(out, "%s'", plain ? "" : "\"");
	free(safe);
	free(full);
}

/* A database that was backed up once, and is not wanted any more, must not raise alarms without
 * end. */
static void
append_way_to_silence(Buffer *out, const json_t *facts)
{
	buffer_append_string(out, "\nIf no more backups of it are wanted, add this to the settings "
							  "file:\n\n    notify-missed-except: [");
	append_exception(out, facts);
	buffer_append_string(out, "]\n");
}

/* The body. */
static char *
body_text(NotifyReason reason, const char *matter, const json_t *facts, const json_t *state,
		  const char *host)
{
	const json_t *code = json_object_get(facts, "exit_code");
	const char *log = json_member(facts, "log");
	char *command = command_text(reason, facts);
	Buffer out;

	buffer_init(&out);
	append_headline(&out, reason, matter, state);
	append_line(&out, "Error:", json_member(facts, "error"));
	append_line(&out, "Detail:", json_member(facts, "detail"));
	if (reason == REASON_FAILURE || reason == REASON_RECOVERY || reason == REASON_MISSED)
		append_time_line(&out, reason == REASON_RECOVERY ? "Was broken:" : "Since:", state,
						 "since");
	if (state != NULL)
		append_last_good(&out, facts, state);
	append_line(&out, "Database:", json_member(facts, "database"));
	append_line(&out, "Server:", json_member(facts, "server"));
	append_line(&out, "Set:", json_member(facts, "set"));
	append_line(&out, "Repository:", json_member(facts, "repository"));
	append_line(&out, "Host:", host);
	append_line(&out, "Job:", json_member(facts, "job"));
	append_line(&out, "Type:", json_member(facts, "type"));
	append_line(&out, "Backup:", json_member(facts, "backup"));
	append_line(&out, "Started:", json_member(facts, "started"));
	append_line(&out, "Ended:", json_member(facts, "finished"));
	if (json_is_integer(code))
		append_line(&out, "Exit code:", exit_code_text((int) json_integer_value(code)));
	buffer_printf(&out, "\nCommand to run next, on %s:\n\n    %s\n", host, command);
	if (reason == REASON_MISSED && json_is_true(json_object_get(facts, "by_age")))
		append_way_to_silence(&out, facts);
	if (log != NULL && log[0] != '\0' && reason == REASON_FAILURE)
	{
		char *safe = harmless_text(log, true);

		buffer_printf(&out, "\nThe last messages:\n\n%s\n", safe);
		free(safe);
	}
	buffer_printf(&out, "\n-- \nnex_backup %s on %s\n", NEX_BACKUP_VERSION, host);
	free(command);
	return buffer_detach(&out);
}

static const char *
event_suffix(NotifyReason reason)
{
	switch (reason)
	{
		case REASON_FAILURE:
			return "failed";
		case REASON_RECOVERY:
			return "recovered";
		case REASON_MISSED:
			return "missed";
		default:
			return "succeeded";
	}
}

/* Copy a member, or null. */
static void
copy_member(json_t *to, const json_t *from, const char *key)
{
	json_t *value = json_object_get(from, key);

	json_object_set_new(to, key, value != NULL ? json_deep_copy(value) : json_null());
}

static void
set_time(json_t *to, const char *key, const json_t *state, const char *from)
{
	json_int_t when = json_integer_value(json_object_get(state, from));
	char text[32];

	iso_time((time_t) when, text);
	json_object_set_new(to, key, when > 0 ? json_string(text) : json_null());
}

json_t *
event_compose(NotifyReason reason, const json_t *facts, const json_t *state)
{
	static const char *const copied[] = {"kind",   "database", "repository", "job",       "type",
										 "backup", "started",  "finished",   "exit_code", "error",
										 "detail", "log",      "run",        "set",       "server"};
	json_t *event = json_object();
	char host[256] = "";
	char now[32];
	json_int_t when = json_integer_value(json_object_get(facts, "when"));
	char *matter = subject_matter(facts);
	char *safe_host;
	char *text;
	size_t i;

	gethostname(host, sizeof(host) - 1);
	safe_host = harmless_text(host, false);
	iso_time(when > 0 ? (time_t) when : time(NULL), now);
	text = reason == REASON_TEST
			   ? xstrdup("test")
			   : xasprintf("%s.%s", json_member(facts, "kind"), event_suffix(reason));
	json_object_set_new(event, "event", json_string(text));
	free(text);
	json_object_set_new(event, "reason", json_string(reason_word(reason)));
	json_object_set_new(event, "time", json_string(now));
	json_object_set_new(event, "host", json_text(host));
	for (i = 0; i < sizeof(copied) / sizeof(copied[0]); i++)
		copy_member(event, facts, copied[i]);
	json_object_set_new(event, "failures",
						json_integer(json_integer_value(json_object_get(state, "failures"))));
	json_object_set_new(event, "unreported",
						json_integer(json_integer_value(json_object_get(state, "unreported"))));
	set_time(event, "since", state, "since");
	set_time(event, "last_good", state, "last_good_time");
	copy_member(event, state, "last_good_backup");
	json_object_set_new(event, "tool", json_string("nex_backup " NEX_BACKUP_VERSION));

	text = command_text(reason, facts);
	json_object_set_new(event, "command", json_text(text));
	free(text);
	text = subject_text(reason, matter, state, safe_host);
	json_object_set_new(event, "subject", json_text(text));
	free(text);
	text = body_text(reason, matter, facts, state, safe_host);
	json_object_set_new(event, "text", json_text(text));
	free(text);
	free(safe_host);
	free(matter);
	return event;
}
