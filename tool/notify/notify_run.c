/*-------------------------------------------------------------------------
 *
 * notify_run.c
 *	  The tool's own run: its start, its facts, its end.
 *
 * Two ways lead here.  What the catalog is told about each database is noted,
 * because it is exactly what a message should say; and a run that failed
 * before it had anything to tell (no repository, no server) is reported as a
 * whole.
 *
 * A run that dies (kill -9, out of memory, power) cannot report itself.  So
 * while it lives it holds a lock on a file that says what it is doing; the
 * next process that finds such a file without its lock reports the death.
 *
 *-------------------------------------------------------------------------
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>
#include <libpq-fe.h>

#include "backup_settings.h"
#include "cluster_settings.h"
#include "connection_settings.h"
#include "file_settings.h"
#include "general_settings.h"
#include "interrupt.h"
#include "job_run.h"
#include "json_text.h"
#include "log.h"
#include "manifest.h"
#include "memory.h"
#include "notify.h"
#include "notify_channel.h"
#include "notify_ping.h"
#include "notify_policy.h"
#include "place.h"
#include "notify_queue.h"
#include "notify_text.h"
#include "restore_settings.h"
#include "settings.h"
#include "utc_time.h"

#define LOCK_SECONDS 10

/* This process's run. */
static struct
{
	json_t *facts; /* NULL: none is going on, or nobody is to be told */
	json_t *notes; /* what was noted of its databases */
	char *mark;    /* name of its file below running/ */
	int mark_lock;
} current = {NULL, NULL, NULL, -1};

/* ---- facts ---- */

/* The database in -d, which may be a connection string; caller frees. */
static char *
database_of_conninfo(const char *text)
{
	PQconninfoOption *options;
	char *database = NULL;
	int i;

	if (strchr(text, '=') == NULL && strstr(text, "://") == NULL)
		return xstrdup(text);
	options = PQconninfoParse(text, NULL);
	for (i = 0; options != NULL && options[i].keyword != NULL; i++)
	{
		if (strcmp(options[i].keyword, "dbname") == 0)
			database = xstrdup(options[i].val);
	}
	PQconninfoFree(options);
	return database;
}

/* The database that a run is about, as far as the command line says so; caller frees. */
static char *
database_of_settings(const Settings *settings, const char *kind, BackupKind of)
{
	if (of == BACKUP_OF_GLOBALS)
		return xstrdup(GLOBALS_DATABASE);
	if (settings->backup->all || of == BACKUP_OF_FILES || settings->cluster->cluster)
		return NULL;
	if (strcmp(kind, "backup") == 0)
	{
		const char *environment = getenv("PGDATABASE");

		if (settings->connection->dbname != NULL)
			return database_of_conninfo(settings->connection->dbname);
		return environment != NULL && environment[0] != '\0' ? xstrdup(environment) : NULL;
	}
	if (settings->general->narguments > 0)
	{
		const char *slash = strrchr(settings->general->arguments[0], '/');

		/* A name may hold slashes itself. */
		if (slash == NULL || !backup_id_valid(slash + 1))
			return xstrdup(settings->general->arguments[0]);
		return xasprintf("%.*s", (int) (slash - settings->general->arguments[0]),
						 settings->general->arguments[0]);
	}
	return NULL;
}

/* A random UUID, by which start and end of a run are paired. */
static char *
new_run_id(void)
{
	unsigned char b[16];

	if (getrandom(b, sizeof(b), 0) != (ssize_t) sizeof(b))
		memset(b, 0, sizeof(b));
	b[6] = (unsigned char) ((b[6] & 0x0f) | 0x40);
	b[8] = (unsigned char) ((b[8] & 0x3f) | 0x80);
	return xasprintf("%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0],
					 b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12],
					 b[13], b[14], b[15]);
}

static void
set_text(json_t *object, const char *key, const char *text)
{
	json_object_set_new(object, key, json_text(text));
}

static void
set_now(json_t *object, const char *key)
{
	char now[32];

	iso_time(time(NULL), now);
	set_text(object, key, now);
}

/* Of a copy and a repair, the place that is written to: it is what lacks something if they fail. */
static char *
repository_of_run(const Settings *settings, const char *kind)
{
	bool between = strcmp(kind, "copy") == 0 || strcmp(kind, "repair") == 0;

	return between && settings->restore->to != NULL
			   ? xstrdup(place_of(settings, settings->restore->to).location)
			   : subject_repository(settings);
}

static json_t *
facts_at_start(const Settings *settings, const char *kind, BackupKind of)
{
	json_t *facts = json_object();
	char *database = database_of_settings(settings, kind, of);
	char *repository = repository_of_run(settings, kind);
	char *run = new_run_id();

	set_text(facts, "kind", kind);
	set_text(facts, "database", database);
	set_text(facts, "set", of == BACKUP_OF_FILES ? settings->files->set : NULL);
	set_text(facts, "server",
			 settings->general->server != NULL && label_stored(settings->general->server)[0] != '\0'
				 ? settings->general->server
				 : NULL);
	set_text(facts, "repository", repository);
	set_text(facts, "type", strcmp(kind, "backup") == 0 ? settings->backup->type : NULL);
	set_text(facts, "run", run);
	set_now(facts, "started");
	set_text(facts, "job_run", job_run());
	json_object_set_new(facts, "pid", json_integer(getpid()));
	free(run);
	free(repository);
	free(database);
	return facts;
}

/* ---- marks of runs at work ---- */

/* Leave the mark; the lock on it ends with this process. */
static void
set_mark(const char *directory)
{
	char *id = queue_new_id();
	char *name = xasprintf("%s.json", id);
	int lock = queue_lock(directory, "lock", LOCK_SECONDS);

	if (lock >= 0 && queue_write(directory, RUNNING_FOLDER, name, current.facts))
	{
		current.mark_lock = queue_open(directory, RUNNING_FOLDER, name);
		if (current.mark_lock >= 0)
			flock(current.mark_lock, LOCK_EX | LOCK_NB);
		current.mark = xstrdup(name);
	}
	queue_unlock(lock);
	free(name);
	free(id);
}

static void
remove_mark(const char *directory)
{
	if (current.mark == NULL)
		return;
	queue_remove(directory, RUNNING_FOLDER, current.mark);
	if (current.mark_lock >= 0)
		close(current.mark_lock);
	free(current.mark);
	current.mark = NULL;
	current.mark_lock = -1;
}

/* Has the process gone that left this mark? */
static bool
is_abandoned(const char *directory, const char *name)
{
	int fd = queue_open(directory, RUNNING_FOLDER, name);
	bool abandoned = fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0;

	if (fd >= 0)
		close(fd);
	return abandoned;
}

/* Report a death, with the lock of the directory held. */
static void
report_death(const Settings *settings, const char *directory, json_t *facts)
{
	double started;

	if (json_member(facts, "kind") == NULL)
		return;
	json_object_set_new(facts, "good", json_false());
	/* Nobody knows when it died; what succeeded after it had begun is newer. */
	if (json_member(facts, "started") != NULL &&
		utc_time_parse(json_member(facts, "started"), &started))
		json_object_set_new(facts, "when", json_integer((json_int_t) started));
	if (json_member(facts, "error") == NULL)
		set_text(facts, "error",
				 "the program ended without a word: it was killed, or the machine "
				 "stopped");
	policy_apply(settings, directory, facts, false);
	ping_end(settings, directory, facts);
	if (json_member(facts, "job_run") != NULL)
		policy_tell(settings, directory, json_member(facts, "job_run"));
}

void
notify_died(const Settings *settings, const json_t *facts)
{
	char *directory = notify_configured(settings) ? queue_directory(settings, true) : NULL;
	json_t *copy = json_deep_copy(facts);
	int lock = directory != NULL ? queue_lock(directory, "lock", LOCK_SECONDS) : -1;

	if (lock >= 0)
		report_death(settings, directory, copy);
	queue_unlock(lock);
	json_decref(copy);
	free(directory);
}

void
notify_sweep(const Settings *settings)
{
	char *directory = queue_directory(settings, true);
	int lock = directory != NULL ? queue_lock(directory, "lock", LOCK_SECONDS) : -1;
	char **names;
	int count;
	int i;

	if (lock >= 0)
	{
		names = queue_names(directory, RUNNING_FOLDER, &count);
		for (i = 0; i < count; i++)
		{
			json_t *facts = is_abandoned(directory, names[i])
								? queue_read(directory, RUNNING_FOLDER, names[i])
								: NULL;

			if (facts == NULL)
				continue;
			report_death(settings, directory, facts);
			queue_remove(directory, RUNNING_FOLDER, names[i]);
			json_decref(facts);
		}
		queue_names_free(names, count);
		policy_repeat(settings, directory);
	}
	queue_unlock(lock);
	free(directory);
}

/* ---- the run ---- */

void
notify_run_started(const Settings *settings, const char *kind, BackupKind of)
{
	char *directory;

	if (!notify_configured(settings))
		return;
	directory = queue_directory(settings, true);
	if (directory == NULL)
		return;
	current.facts = facts_at_start(settings, kind, of);
	current.notes = json_array();
	set_mark(directory);
	free(directory);
	ping_start(settings, current.facts);
}

/* Without the fraction of the second, if it is a time at all. */
static void
set_second(json_t *note, const char *key)
{
	const char *time = json_member(note, key);
	char *second;

	if (time == NULL)
		return;
	second = xstrdup(time);
	utc_cut_fraction(second);
	set_text(note, key, second);
	free(second);
}

void
notify_note(const char *kind, const Owner *owner, const json_t *payload)
{
	static const char *const copied[] = {"set",      "backup",    "started",
										 "finished", "exit_code", "error"};
	const char *state = json_member(payload, "state");
	json_t *note;
	size_t i;

	if (current.facts == NULL)
		return;
	note = json_copy(current.facts);
	set_text(note, "kind", kind);
	/* A set of files may have the name of a database. */
	set_text(note, "database", owner->kind == BACKUP_OF_FILES ? NULL : owner->name);
	set_text(note, "server", owner->server[0] != '\0' ? owner->server : NULL);
	for (i = 0; i < sizeof(copied) / sizeof(copied[0]); i++)
	{
		json_t *value = json_object_get(payload, copied[i]);

		json_object_set_new(note, copied[i], value != NULL ? json_deep_copy(value) : json_null());
	}
	/* To the second, as all times of messages. */
	set_second(note, "started");
	set_second(note, "finished");
	/* The detail is that of the first error, which may have been another database's. */
	if (json_member(note, "error") != NULL && log_told_error() != NULL &&
		strcmp(json_member(note, "error"), log_told_error()) == 0)
		set_text(note, "detail", log_told_detail());
	json_object_set_new(note, "good",
						json_boolean(state != NULL && strcmp(state, "succeeded") == 0));
	json_array_append_new(current.notes, note);
}

/* Are two facts about the same database, or set of files? */
static bool
same_owner(const json_t *a, const json_t *b)
{
	const char *set = json_member(a, "set");
	const char *other = json_member(b, "set");

	return json_equal(json_object_get(a, "database"), json_object_get(b, "database")) &&
		   json_equal(json_object_get(a, "server"), json_object_get(b, "server")) &&
		   (set != NULL ? other != NULL && strcmp(set, other) == 0 : other == NULL);
}

/* Is a note about the database of another server that this name, LABEL@database, means? */
static bool
is_named(const json_t *note, const char *name)
{
	const char *database = json_member(note, "database");
	Owner owner = owner_of(json_member(note, "server"), database != NULL ? database : "");
	char *full = owner_name(&owner);
	bool named =
		name != NULL && database != NULL && owner.server[0] != '\0' && strcmp(name, full) == 0;

	free(full);
	return named;
}

/* Is there a note about what these facts are about? */
static bool
is_noted(const json_t *facts)
{
	bool noted = false;
	size_t i;

	for (i = 0; i < json_array_size(current.notes) && !noted; i++)
	{
		const json_t *note = json_array_get(current.notes, i);

		noted = same_owner(note, facts) || is_named(note, json_member(facts, "database"));
	}
	return noted;
}

/*
 * Is a good note about something that another note says is bad?  One damaged
 * backup of a database is not made good by another one that is not.
 */
static bool
is_contradicted(const json_t *note)
{
	size_t i;

	for (i = 0; i < json_array_size(current.notes); i++)
	{
		const json_t *other = json_array_get(current.notes, i);

		if (!json_is_true(json_object_get(other, "good")) &&
			json_equal(json_object_get(other, "kind"), json_object_get(note, "kind")) &&
			same_owner(other, note))
			return json_is_true(json_object_get(note, "good"));
	}
	return false;
}

static bool
any_failure_noted(void)
{
	size_t i;

	for (i = 0; i < json_array_size(current.notes); i++)
	{
		if (!json_is_true(json_object_get(json_array_get(current.notes, i), "good")))
			return true;
	}
	return false;
}

/* Complete the facts of the run as a whole. */
static void
finish_facts(json_t *facts, bool good)
{
	int code = interrupted() ? EXIT_INTERRUPTED : (int) log_exit_code();

	if (!good && code == EXIT_DONE)
		code = EXIT_FAILED;
	json_object_set_new(facts, "good", json_boolean(good));
	json_object_set_new(facts, "exit_code", json_integer(code));
	set_text(facts, "error", interrupted() ? "interrupted by a signal" : log_told_error());
	set_text(facts, "detail", interrupted() ? NULL : log_told_detail());
	set_now(facts, "finished");
}

/* Take what was noted, and the run itself where no note speaks for it. */
static void
report_run(const Settings *settings, const char *directory, bool good)
{
	char *log = log_recent();
	size_t i;

	for (i = 0; i < json_array_size(current.notes); i++)
	{
		json_t *note = json_array_get(current.notes, i);

		if (is_contradicted(note))
			continue;
		set_text(note, "log", log);
		if (interrupted() && json_member(note, "error") == NULL)
			set_text(note, "error", "interrupted by a signal");
		policy_apply(settings, directory, note, false);
		ping_end(settings, directory, note);
	}
	finish_facts(current.facts, good);
	set_text(current.facts, "log", log);
	if (!is_noted(current.facts) && !any_failure_noted())
	{
		policy_apply(settings, directory, current.facts, true);
		if (!good || json_array_size(current.notes) == 0)
			ping_end(settings, directory, current.facts);
	}
	if (json_member(current.facts, "job_run") != NULL)
		policy_tell(settings, directory, json_member(current.facts, "job_run"));
	free(log);
}

void
notify_run_ended(const Settings *settings, bool good)
{
	char *directory;
	DeliveryCount count = {0, 0, 0};
	int lock;

	if (current.facts == NULL)
		return;

	/* Whoever stops a run at the keyboard knows that it did not end well. */
	directory = queue_directory(settings, true);
	lock = directory != NULL ? queue_lock(directory, "lock", LOCK_SECONDS) : -1;
	if (lock >= 0 && !(interrupted() && isatty(STDERR_FILENO)))
		report_run(settings, directory, good && !interrupted());
	if (lock >= 0)
		remove_mark(directory);
	queue_unlock(lock);
	free(directory);
	json_decref(current.facts);
	json_decref(current.notes);
	current.facts = current.notes = NULL;
	if (lock >= 0)
	{
		notify_sweep(settings);
		notify_deliver(settings, DELIVER_RUN, &count);
	}
}
