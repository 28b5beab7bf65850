/*-------------------------------------------------------------------------
 *
 * notify_policy.c
 *	  What is worth a message.
 *
 * A subject is a kind of work, on a database, with a repository.  Of each
 * there is a state on disk, which makes the difference between "failed" and
 * "failed for the third time since Monday", and without which there is no
 * "good again".  While a subject keeps failing for the same reason, messages
 * come at most once in notify-repeat-after; what was held back is counted in the next
 * one.  Another error is told at once.
 *
 * What the scheduler tells may come late, and after what is newer: each event
 * has its own time, and a failure that was followed by a success is over.
 *
 * The message is queued before the state is written: a crash in between
 * repeats a message, the other order would lose one.
 *
 *-------------------------------------------------------------------------
 */
#include "notify_policy.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "buffer.h"
#include "choose.h"
#include "digest.h"
#include "general_settings.h"
#include "json_text.h"
#include "log.h"
#include "memory.h"
#include "name_pattern.h"
#include "names.h"
#include "notify_channel.h"
#include "notify_queue.h"
#include "notify_settings.h"
#include "notify_text.h"
#include "repository.h"
#include "resolve.h"
#include "settings.h"
#include "target.h"

/* How much of an error tells it from others, and how many are remembered. */
#define FAILURE_KEY_SIZE 500
#define FAILURE_KEYS 20

static json_int_t
number(const json_t *state, const char *key)
{
	return json_integer_value(json_object_get(state, key));
}

static void
set_number(json_t *state, const char *key, json_int_t value)
{
	json_object_set_new(state, key, json_integer(value));
}

static bool
is_true(const json_t *object, const char *key)
{
	return json_is_true(json_object_get(object, key));
}

/* Is the reason among those of notify-on? */
static bool
wanted(const Settings *settings, NotifyReason reason)
{
	const char *word = reason_word(reason);
	const char *text = settings->notify->notify_on;

	while (text != NULL && *text != '\0')
	{
		size_t length;

		text += strspn(text, " ,");
		length = strcspn(text, " ,");
		if (length == strlen(word) && strncmp(text, word, length) == 0)
			return true;
		text += length;
	}
	return false;
}

/* ---- states ---- */

char *
subject_repository(const Settings *settings)
{
	char *repository = xstrdup(settings->general->repo);
	size_t length = repository != NULL ? strlen(repository) : 0;

	while (length > 1 && repository[length - 1] == '/')
		repository[--length] = '\0';
	return repository;
}

/*
 * The file of a subject; names may be anything, so it is called by a digest.  A
 * set of files and a database of the same name are two subjects.  Caller frees.
 */
static char *
state_name(const json_t *facts)
{
	const char *set = json_member(facts, "set");
	const char *database = set != NULL ? set : json_member(facts, "database");
	const char *repository = json_member(facts, "repository");
	DigestHex hex = "0";
	const char *server = json_member(facts, "server");
	char *key =
		xasprintf("%s%s%s%s\n%s\n%s", json_member(facts, "kind"), set != NULL ? " of files" : "",
				  server != NULL ? " of server " : "", server != NULL ? server : "",
				  database != NULL ? database : "", repository != NULL ? repository : "");

	digest_buffer(key, strlen(key), hex);
	free(key);
	return xasprintf("%.32s.json", hex);
}

/* What is known of a subject; an empty object if nothing is. */
static json_t *
read_state(const char *directory, const char *name)
{
	json_t *state = queue_read(directory, STATE_FOLDER, name);

	return state != NULL ? state : json_object();
}

/* A backup that notifications know nothing of may have been made before they were switched on. */
static void
look_for_last_good(json_t *state, const json_t *facts)
{
	const char *location = json_member(facts, "repository");
	const char *database = json_member(facts, "database");
	Repository *repository;
	BackupName latest;
	Owner owner;
	char *header;

	if (location == NULL || database == NULL || number(state, "last_good_time") > 0)
		return;
	header = xasprintf("%s/nex_backup.json", location);
	repository = access(header, R_OK) == 0 ? repository_open(location) : NULL;
	free(header);
	if (repository == NULL)
		return;
	owner = owner_of(json_member(facts, "server"), database);
	if (repository_latest(repository, &owner, &latest))
	{
		set_number(state, "last_good_time", (json_int_t) backup_snapshot_time(repository, &latest));
		json_object_set_new(state, "last_good_backup", json_string(latest.id));
	}
	repository_close(repository);
}

/* ---- messages ---- */

static void
queue_event(const Settings *settings, const char *directory, NotifyReason reason,
			const json_t *facts, const json_t *state)
{
	json_t *event;

	if (!wanted(settings, reason))
		return;
	event = event_compose(reason, facts, state);
	channels_queue(settings, directory, event);
	json_decref(event);
}

/* When did it happen?  An alarm may be delivered long after that. */
static json_int_t
event_time(const json_t *facts)
{
	json_int_t now = (json_int_t) time(NULL);
	json_int_t when = number(facts, "when");

	return when > 0 && when < now ? when : now;
}

/* Append a text without its numbers, which differ from run to run. */
static void
append_without_numbers(Buffer *out, const char *text)
{
	for (; text != NULL && *text != '\0' && out->length < FAILURE_KEY_SIZE; text++)
	{
		if (*text < '0' || *text > '9')
			buffer_append_char(out, *text);
		else if (out->data[out->length - 1] != '#')
			buffer_append_char(out, '#');
	}
}

/* What tells one failure from another.  Caller frees. */
static char *
failure_key(const json_t *facts)
{
	const char *cause = json_member(facts, "cause");
	Buffer key;

	buffer_init(&key);
	buffer_printf(&key, "%d ", (int) number(facts, "exit_code"));
	append_without_numbers(&key, cause != NULL ? cause : json_member(facts, "error"));
	if (cause == NULL)
		append_without_numbers(&key, json_member(facts, "detail"));
	return buffer_detach(&key);
}

/* When was a failure of this kind last told, since the last success?  0: never. */
static json_int_t
last_told(const json_t *state, const char *key)
{
	return number(json_object_get(state, "told"), key);
}

static void
note_told(json_t *state, const char *key)
{
	json_t *told = json_object_get(state, "told");

	if (!json_is_object(told) || json_object_size(told) >= FAILURE_KEYS)
	{
		told = json_object();
		json_object_set_new(state, "told", told);
	}
	set_number(told, key, (json_int_t) time(NULL));
}

/* Is there something to tell that was not told within notify-repeat-after? */
static bool
is_news(const Settings *settings, const json_t *state, const char *key)
{
	json_int_t now = (json_int_t) time(NULL);
	json_int_t since = last_told(state, key);

	/* Earlier versions remember the time alone. */
	if (since == 0 && !json_is_object(json_object_get(state, "told")))
		since = number(state, "last_sent");
	return now - since >= settings->notify->notify_repeat_after;
}

/*
 * A failure that is told after a later success: nothing is broken now, but it
 * must not be passed over in silence, and is told with its end.
 */
static void
take_past_failure(const Settings *settings, const char *directory, const json_t *facts,
				  json_t *state, json_int_t when)
{
	char *key = failure_key(facts);
	json_t *then = json_deep_copy(state);
	json_t *end = json_copy((json_t *) facts);

	set_number(then, "since", when);
	set_number(then, "failures", 1);
	set_number(then, "unreported", 0);
	json_object_set_new(then, "over", json_true());
	json_object_set(end, "backup", json_object_get(state, "last_good_backup"));
	set_number(end, "when", number(state, "last_good_time"));
	json_object_del(end, "error");
	json_object_del(end, "detail");
	json_object_del(end, "exit_code");
	json_object_del(end, "started");
	json_object_del(end, "finished");
	if (is_news(settings, state, key))
	{
		queue_event(settings, directory, REASON_FAILURE, facts, then);
		queue_event(settings, directory, REASON_RECOVERY, end, then);
		note_told(state, key);
	}
	json_decref(end);
	json_decref(then);
	free(key);
}

/* A failure: report it, or count it for the next report. */
static void
take_failure(const Settings *settings, const char *directory, const json_t *facts, json_t *state)
{
	json_int_t when = event_time(facts);
	bool before = is_true(state, "failing");
	char *key;

	if (strcmp(json_member(facts, "kind"), "backup") == 0)
		look_for_last_good(state, facts);
	if (!before && when < number(state, "last_good_time") &&
		number(state, "last_good_time") <= (json_int_t) time(NULL))
	{
		take_past_failure(settings, directory, facts, state, when);
		return;
	}
	if (!before)
	{
		set_number(state, "failures", 0);
		set_number(state, "unreported", 0);
	}
	if (!before || when < number(state, "since"))
		set_number(state, "since", when);
	if (when > number(state, "last_failure"))
		set_number(state, "last_failure", when);
	set_number(state, "failures", number(state, "failures") + 1);
	json_object_set_new(state, "failing", json_true());
	key = failure_key(facts);
	if (before && !is_news(settings, state, key))
	{
		set_number(state, "unreported", number(state, "unreported") + 1);
		log_info("no separate message about this failure: the last one was sent less than %d "
				 "minutes ago",
				 (settings->notify->notify_repeat_after + 59) / 60);
	}
	else
	{
		json_object_set_new(state, "another", json_boolean(before && last_told(state, key) == 0));
		queue_event(settings, directory, REASON_FAILURE, facts, state);
		json_object_del(state, "another");
		set_number(state, "last_sent", (json_int_t) time(NULL));
		set_number(state, "unreported", 0);
		note_told(state, key);
	}
	free(key);
}

/*
 * A success that is told after a later failure.  That failure is not the one
 * that ended, and was perhaps taken for a repetition of it.
 */
static void
take_past_success(const Settings *settings, const char *directory, const json_t *facts,
				  json_t *state, json_int_t when)
{
	const json_t *latest = json_object_get(state, "latest");

	if (when < number(state, "since"))
		return;
	queue_event(settings, directory, REASON_RECOVERY, facts, state);
	set_number(state, "since", number(state, "last_failure"));
	set_number(state, "failures", 1);
	if (number(state, "unreported") == 0 || latest == NULL)
		return;
	set_number(state, "unreported", 0);
	queue_event(settings, directory, REASON_FAILURE, latest, state);
	set_number(state, "last_sent", (json_int_t) time(NULL));
}

static void
take_success(const Settings *settings, const char *directory, const json_t *facts, json_t *state)
{
	json_int_t when = event_time(facts);
	bool first = number(state, "last_good_time") == 0;
	bool is_backup = strcmp(json_member(facts, "kind"), "backup") == 0;

	if (when >= number(state, "last_good_time") ||
		number(state, "last_good_time") > (json_int_t) time(NULL))
	{
		set_number(state, "last_good_time", when);
		json_object_set_new(state, "last_good_backup", json_text(json_member(facts, "backup")));
	}
	if (is_true(state, "failing") && when < number(state, "last_failure"))
	{
		take_past_success(settings, directory, facts, state, when);
		return;
	}
	if (is_true(state, "failing") || is_true(state, "missed"))
		queue_event(settings, directory, REASON_RECOVERY, facts, state);
	else if (first && is_backup && wanted(settings, REASON_FIRST_SUCCESS))
		queue_event(settings, directory, REASON_FIRST_SUCCESS, facts, state);
	else
		queue_event(settings, directory, REASON_SUCCESS, facts, state);
	json_object_set_new(state, "failing", json_false());
	json_object_set_new(state, "missed", json_false());
	set_number(state, "failures", 0);
	set_number(state, "unreported", 0);
	set_number(state, "last_sent", 0);
	json_object_del(state, "told");
}

void
policy_apply(const Settings *settings, const char *directory, const json_t *given, bool quiet)
{
	json_t *facts = json_copy((json_t *) given);
	char *name = state_name(facts);
	json_t *state = read_state(directory, name);
	bool good = is_true(facts, "good");

	set_number(facts, "when", event_time(facts));
	if (!good || !quiet || is_true(state, "failing"))
	{
		if (number(facts, "when") >= number(json_object_get(state, "latest"), "when"))
			json_object_set(state, "latest", facts);
		if (good)
			take_success(settings, directory, facts, state);
		else
			take_failure(settings, directory, facts, state);
		queue_write(directory, STATE_FOLDER, name, state);
	}
	json_decref(facts);
	json_decref(state);
	free(name);
}

void
policy_repeat(const Settings *settings, const char *directory)
{
	json_int_t now = (json_int_t) time(NULL);
	int count;
	char **names = queue_names(directory, STATE_FOLDER, &count);
	int i;

	for (i = 0; i < count; i++)
	{
		json_t *state = read_state(directory, names[i]);
		const json_t *latest = json_object_get(state, "latest");

		if (is_true(state, "failing") && number(state, "unreported") > 0 && latest != NULL &&
			json_member(latest, "kind") != NULL &&
			now - number(state, "last_sent") >= settings->notify->notify_repeat_after)
		{
			queue_event(settings, directory, REASON_FAILURE, latest, state);
			set_number(state, "last_sent", now);
			set_number(state, "unreported", 0);
			queue_write(directory, STATE_FOLDER, names[i], state);
		}
		json_decref(state);
	}
	queue_names_free(names, count);
}

/* ---- missed backups ---- */

/* The facts of a backup that is there, young enough; or of one that is missed, which `error` says.
 */
static json_t *
facts_of_age(const Settings *settings, const BackupName *latest, const char *error)
{
	json_t *facts = json_object();
	char *repository = subject_repository(settings);

	json_object_set_new(facts, "kind", json_string("backup"));
	json_object_set_new(facts, "database",
						latest->owner.kind == BACKUP_OF_FILES ? json_null()
															  : json_text(latest->owner.name));
	if (latest->owner.kind == BACKUP_OF_FILES)
		json_object_set_new(facts, "set", json_text(latest->owner.name));
	if (latest->owner.server[0] != '\0')
		json_object_set_new(facts, "server", json_string(latest->owner.server));
	json_object_set_new(facts, "repository", json_text(repository));
	json_object_set_new(facts, "backup", error != NULL ? json_null() : json_text(latest->id));
	json_object_set_new(facts, "by_age", json_true());
	if (error != NULL)
		json_object_set_new(facts, "error", json_string(error));
	free(repository);
	return facts;
}

bool
policy_age_is_excepted(const Settings *settings, const BackupName *name)
{
	const char *at = name->owner.server[0] != '\0' ? "@" : "";
	char *owner = name->owner.kind == BACKUP_OF_FILES ? xasprintf("config/%s", name->owner.name)
				  : backup_is_of_globals(name)
					  ? xasprintf("%s%sglobals", name->owner.server, at)
					  : xasprintf("%s%s%s", name->owner.server, at, name->owner.name);
	bool excepted = name->owner.kind == BACKUP_OF_CLUSTER; /* not watched yet */
	int i;

	for (i = 0; i < settings->notify->notify_missed_except.count && !excepted; i++)
		excepted = name_matches(settings->notify->notify_missed_except.items[i], owner);
	free(owner);
	return excepted;
}

/* As if nothing had ever been missed. */
static void
forget_missed(const char *directory, const char *name, json_t *state)
{
	if (!is_true(state, "missed"))
		return;
	json_object_set_new(state, "missed", json_false());
	queue_write(directory, STATE_FOLDER, name, state);
}

/* Tell that a backup is missed, if that is news; `when` is since when. */
static void
tell_missed(const Settings *settings, const char *directory, const char *name, json_t *state,
			const json_t *facts, json_int_t when)
{
	json_int_t now = (json_int_t) time(NULL);

	if (is_true(state, "missed") &&
		now - number(state, "missed_sent") < settings->notify->notify_repeat_after)
		return;
	if (!is_true(state, "failing"))
		set_number(state, "since", when);
	queue_event(settings, directory, REASON_MISSED, facts, state);
	json_object_set_new(state, "missed", json_true());
	set_number(state, "missed_sent", now);
	queue_write(directory, STATE_FOLDER, name, state);
}

/* There were backups of it here: remember that, and whose they were. */
static void
remember_seen(const char *directory, const char *name, json_t *state, const json_t *facts)
{
	static const char *const keys[] = {"database", "set", "server", "repository"};
	json_t *seen = json_object();
	size_t i;

	for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
	{
		if (json_member(facts, keys[i]) != NULL)
			json_object_set(seen, keys[i], json_object_get(facts, keys[i]));
	}
	if (!json_equal(json_object_get(state, "seen"), seen))
	{
		json_object_set(state, "seen", seen);
		queue_write(directory, STATE_FOLDER, name, state);
	}
	json_decref(seen);
}

bool
policy_is_late(const Settings *settings, time_t snapshot, time_t now)
{
	return now - snapshot > settings->notify->notify_missed_after;
}

void
policy_check_age(const Settings *settings, const char *directory, const BackupName *latest,
				 time_t snapshot)
{
	json_int_t when = (json_int_t) snapshot;
	bool late = policy_is_late(settings, snapshot, time(NULL));
	char *error = late ? xasprintf("the latest backup is older than %d h %d min",
								   settings->notify->notify_missed_after / 3600,
								   settings->notify->notify_missed_after / 60 % 60)
					   : NULL;
	json_t *facts = facts_of_age(settings, latest, error);
	char *name = state_name(facts);
	json_t *state = read_state(directory, name);

	remember_seen(directory, name, state, facts);
	if (policy_age_is_excepted(settings, latest))
		forget_missed(directory, name, state);
	else if (late)
	{
		set_number(state, "last_good_time", when);
		json_object_set_new(state, "last_good_backup", json_string(latest->id));
		tell_missed(settings, directory, name, state, facts,
					when + settings->notify->notify_missed_after);
	}
	else if (is_true(state, "missed"))
	{
		/* Somebody else made a backup: under another user, or on another host. */
		take_success(settings, directory, facts, state);
		queue_write(directory, STATE_FOLDER, name, state);
	}
	json_decref(facts);
	json_decref(state);
	free(name);
	free(error);
}

void
policy_note_seen(const Settings *settings, const char *directory, const BackupName *owner)
{
	json_t *facts = facts_of_age(settings, owner, NULL);
	char *name = state_name(facts);
	json_t *state = read_state(directory, name);

	remember_seen(directory, name, state, facts);
	json_decref(facts);
	json_decref(state);
	free(name);
}

/* Whose backups does a state say were here?  False if they were elsewhere, or nobody's. */
static bool
seen_owner(const Settings *settings, const json_t *state, BackupName *owner)
{
	const json_t *seen = json_object_get(state, "seen");
	const char *set = json_member(seen, "set");
	const char *database = set != NULL ? set : json_member(seen, "database");
	const char *location = json_member(seen, "repository");
	char *here = subject_repository(settings);
	bool good = database != NULL && location != NULL && strcmp(location, here) == 0;

	free(here);
	memset(owner, 0, sizeof(*owner));
	if (!good)
		return false;
	owner->owner =
		set != NULL ? owner_of_files(set) : owner_of(json_member(seen, "server"), database);
	return settings->general->server == NULL ||
		   (owner->owner.kind != BACKUP_OF_FILES &&
			strcmp(owner->owner.server, label_stored(settings->general->server)) == 0);
}

/* All its backups are gone: what the state calls the last good one does not help. */
static void
tell_gone(const Settings *settings, const char *directory, const char *name, json_t *state,
		  const BackupName *owner)
{
	json_t *facts = facts_of_age(settings, owner, "there is no backup of it any more");

	if (policy_age_is_excepted(settings, owner))
		forget_missed(directory, name, state);
	else
	{
		json_object_del(state, "last_good_time");
		json_object_del(state, "last_good_backup");
		tell_missed(settings, directory, name, state, facts, (json_int_t) time(NULL));
	}
	json_decref(facts);
}

void
policy_check_gone(const Settings *settings, const char *directory, const BackupName *names,
				  int count)
{
	int nstates;
	char **states = queue_names(directory, STATE_FOLDER, &nstates);
	int i;

	for (i = 0; i < nstates; i++)
	{
		json_t *state = read_state(directory, states[i]);
		BackupName owner;
		bool gone = seen_owner(settings, state, &owner);
		int j;

		for (j = 0; gone && j < count; j++)
			gone = !backup_same_owner(&names[j], &owner);
		if (gone)
			tell_gone(settings, directory, states[i], state, &owner);
		json_decref(state);
	}
	queue_names_free(states, nstates);
}

void
policy_missed(const Settings *settings, const char *directory, const json_t *facts)
{
	char *name = state_name(facts);
	json_t *state = read_state(directory, name);

	if (strcmp(json_member(facts, "kind"), "backup") == 0)
		look_for_last_good(state, facts);
	if (!is_true(state, "failing"))
		set_number(state, "since", event_time(facts));
	queue_event(settings, directory, REASON_MISSED, facts, state);
	json_decref(state);
	free(name);
}

/* ---- runs in the catalog ---- */

#define TOLD_FILE "told.json"
#define TOLD_COUNT 500

/* A run's number means nothing without its catalog. */
static char *
told_key(const Settings *settings, const char *run)
{
	char *catalogue = conninfo_without_secrets(
		settings->general->catalogue != NULL ? settings->general->catalogue : "");
	char *key = xasprintf("%s %s", run, catalogue);

	free(catalogue);
	return key;
}

void
policy_tell(const Settings *settings, const char *directory, const char *run)
{
	char *key = told_key(settings, run);
	json_t *told = queue_read(directory, ".", TOLD_FILE);
	json_t *runs;

	if (told == NULL)
		told = json_object();
	runs = json_object_get(told, "runs");
	if (!json_is_array(runs))
	{
		runs = json_array();
		json_object_set_new(told, "runs", runs);
	}
	json_array_append_new(runs, json_text(key));
	while (json_array_size(runs) > TOLD_COUNT)
		json_array_remove(runs, 0);
	queue_write(directory, ".", TOLD_FILE, told);
	json_decref(told);
	free(key);
}

bool
policy_told(const Settings *settings, const char *directory, const char *run)
{
	char *key = told_key(settings, run);
	json_t *told = queue_read(directory, ".", TOLD_FILE);
	const json_t *runs = json_object_get(told, "runs");
	bool found = false;
	size_t i;

	for (i = 0; i < json_array_size(runs) && !found; i++)
	{
		const char *other = json_string_value(json_array_get(runs, i));

		found = other != NULL && strcmp(other, key) == 0;
	}
	json_decref(told);
	free(key);
	return found;
}
