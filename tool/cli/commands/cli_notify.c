/*-------------------------------------------------------------------------
 *
 * cli_notify.c
 *	  nex_backup notify: test the channels, look after the messages that wait,
 *	  and ask whether a backup was missed.
 *
 *-------------------------------------------------------------------------
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "backup_list.h"
#include "choose.h"
#include "command.h"
#include "general_settings.h"
#include "log.h"
#include "memory.h"
#include "notify.h"
#include "notify_alarms.h"
#include "notify_channel.h"
#include "notify_policy.h"
#include "notify_queue.h"
#include "notify_settings.h"
#include "notify_text.h"
#include "output.h"
#include "repository_view.h"
#include "resolve.h"
#include "settings.h"
#include "utc_time.h"

#define LOCK_SECONDS 10

/* ---- test ---- */

/* A message that looks like one from the queue. */
static json_t *
test_message(const json_t *event, const char *recipient)
{
	json_t *message = json_object();
	char *id = queue_new_id();

	json_object_set_new(message, "id", json_string(id));
	json_object_set_new(message, "created", json_integer((json_int_t) time(NULL)));
	json_object_set_new(message, "recipient", json_text(recipient));
	json_object_set(message, "event", (json_t *) event);
	free(id);
	return message;
}

/* Try one channel and say how it went; false if it does not work. */
static bool
test_channel(const Settings *settings, const NotifyChannel *channel, const char *recipient,
			 const json_t *event, json_t *results)
{
	json_t *message = test_message(event, recipient);
	DeliveryResult result = {channel->problem(settings), 0, false};
	bool good;

	if (result.error == NULL)
		result = channel->deliver(settings, message, false);
	good = result.error == NULL;
	if (results != NULL)
		json_array_append_new(results, json_pack("{s:s, s:o, s:b, s:o}", "channel", channel->name,
												 "recipient", json_text(recipient), "ok", good,
												 "error", json_text(result.error)));
	else if (good)
		show_text("%s: delivered%s%s\n", channel->name, recipient != NULL ? " to " : "",
				  recipient != NULL ? recipient : "");
	if (!good)
		report_error(EXIT_FAILED, result.error, NULL, "channel \"%s\" does not work",
					 channel->name);
	free(result.error);
	json_decref(message);
	return good;
}

/* Mail is tested for each address. */
static bool
test_mail(const Settings *settings, const json_t *event, json_t *results)
{
	char *addresses = xstrdup(settings->notify->notify_mail_to);
	char *rest = addresses;
	bool good = true;
	char *address;

	if (addresses == NULL)
		return test_channel(settings, &channel_mail, NULL, event, results);
	while ((address = strsep(&rest, " ,")) != NULL)
	{
		if (address[0] != '\0')
			good = test_channel(settings, &channel_mail, address, event, results) && good;
	}
	free(addresses);
	return good;
}

static bool
run_test(const Settings *settings)
{
	const char *wanted = settings->general->narguments > 0 ? settings->general->arguments[0] : NULL;
	json_t *facts = json_pack("{s:s}", "kind", "backup");
	json_t *event = event_compose(REASON_TEST, facts, NULL);
	json_t *results = settings->general->json ? json_array() : NULL;
	bool good = true;
	int tested = 0;
	int i;

	for (i = 0; i < channel_count; i++)
	{
		const NotifyChannel *channel = channel_table[i];

		if (!channel->configured(settings) ||
			(wanted != NULL && strcmp(wanted, channel->name) != 0))
			continue;
		tested++;
		good = (channel == &channel_mail ? test_mail(settings, event, results)
										 : test_channel(settings, channel, NULL, event, results)) &&
			   good;
	}
	json_decref(event);
	json_decref(facts);
	if (results != NULL)
		output_json(results);
	if (tested > 0)
		return good;
	return report_error(
		EXIT_USAGE, NULL,
		"Set, for example, notify-mail-server, notify-mail-from and notify-mail-to "
		"in the settings file.",
		wanted != NULL ? "channel \"%s\" is not configured" : "no channel is configured", wanted);
}

/* ---- list ---- */

static void
format_epoch(const json_t *message, const char *key, char text[32])
{
	json_int_t when = json_integer_value(json_object_get(message, key));

	if (when > 0)
		utc_time_write((time_t) when, text);
	else
		snprintf(text, 32, "-");
}

static void
add_row(TextTable *table, const json_t *message, bool dead)
{
	const json_t *event = json_object_get(message, "event");
	const char *recipient = json_member(message, "recipient");
	const char *error = json_member(message, "last_error");
	const char *subject = json_member(event, "subject");
	char created[32];
	char next[32];
	char attempts[24];
	const char *cells[8];

	format_epoch(message, "created", created);
	format_epoch(message, "next_attempt", next);
	snprintf(attempts, sizeof(attempts), "%lld",
			 (long long) json_integer_value(json_object_get(message, "attempts")));
	cells[0] = dead ? "given up" : "waiting";
	cells[1] = json_member(message, "channel") != NULL ? json_member(message, "channel") : "";
	cells[2] = recipient != NULL ? recipient : "";
	cells[3] = created;
	cells[4] = attempts;
	cells[5] = dead ? "-" : next;
	cells[6] = subject != NULL ? subject : "";
	cells[7] = error != NULL ? error : "";
	text_table_row(table, cells);
}

static json_t *
message_json(json_t *message, bool dead)
{
	static const char *const times[] = {"created", "deadline", "next_attempt", "last_attempt"};
	size_t i;

	for (i = 0; i < sizeof(times) / sizeof(times[0]); i++)
	{
		char text[32];

		format_epoch(message, times[i], text);
		json_object_set_new(message, times[i],
							strcmp(text, "-") == 0 ? json_null() : json_string(text));
	}
	json_object_set_new(message, "state", json_string(dead ? "given up" : "waiting"));
	return message;
}

/* Show one folder; the number of messages in it. */
static int
list_folder(const char *directory, bool dead, TextTable *table, json_t *results)
{
	const char *folder = dead ? DEAD_FOLDER : QUEUE_FOLDER;
	int count;
	char **names = queue_names(directory, folder, &count);
	int shown = 0;
	int i;

	for (i = 0; i < count; i++)
	{
		json_t *message = queue_read(directory, folder, names[i]);

		if (message == NULL)
			continue;
		shown++;
		if (results != NULL)
			json_array_append_new(results, message_json(message, dead));
		else
		{
			add_row(table, message, dead);
			json_decref(message);
		}
	}
	queue_names_free(names, count);
	return shown;
}

static bool
run_list(const Settings *settings)
{
	static const char *const headings[] = {"state",    "channel",  "recipient", "created",
										   "attempts", "next try", "subject",   "last error"};
	char *directory = queue_directory(settings, false);
	json_t *results = settings->general->json ? json_array() : NULL;
	TextTable *table = settings->general->json ? NULL : text_table_create(8, headings, "llllrlll");
	int count = 0;

	if (directory != NULL)
		count = list_folder(directory, false, table, results) +
				list_folder(directory, true, table, results);
	if (results != NULL)
		output_json(results);
	else
	{
		text_table_print(table);
		show_text("%s\n", pretty_number_of((uint64_t) count, "message"));
	}
	free(directory);
	return true;
}

/* ---- missed backups ---- */

/* Look at the age of the latest one of these backups. */
static void
check_age(const Settings *settings, const char *directory, Repository *repository,
		  const BackupName *names, int count)
{
	double now = (double) (time(NULL) + CLOCK_TOLERANCE);
	const BackupName *latest = repository_choose(repository, names, count, &now);

	/* One that is dated in the future must not hide that no other was made since. */
	if (latest == NULL)
		latest = repository_choose(repository, names, count, NULL);
	if (latest != NULL)
		policy_check_age(settings, directory, latest,
						 (time_t) backup_snapshot_time(repository, latest));
}

/*
 * Are there databases all of whose backups are gone?  Earlier checks have seen them, or the
 * catalog knows of them.  What hides behind a place that cannot be looked into is not gone.
 */
static void
check_gone(const Settings *settings, const char *directory, Repository *repository,
		   const BackupName *names, int count)
{
	BackupName *known = NULL;
	int nknown = 0;
	int i;

	if (repository->unclear.unknown > 0)
		return;
	notify_catalogue_owners(settings, repository->id, &known, &nknown);
	for (i = 0; i < nknown; i++)
		policy_note_seen(settings, directory, &known[i]);
	free(known);
	policy_check_gone(settings, directory, names, count);
}

/* Look at the age of the latest backup of each database and set of files. */
static bool
run_check_missed(const Settings *settings)
{
	char *directory = queue_directory(settings, true);
	Repository *repository;
	BackupName *names = NULL;
	int count = 0;
	int next;
	int lock;
	int i;

	if (settings->general->repo == NULL || !notify_configured(settings))
	{
		free(directory);
		if (settings->general->repo != NULL)
			return report_error(EXIT_USAGE, NULL, NULL, "no channel is configured");
		return report_error(EXIT_USAGE, NULL, "Name its directory with --repo=DIR.",
							"no repository given");
	}
	repository = directory != NULL ? open_repository(settings) : NULL;
	lock = repository != NULL && repository_check_server(repository) &&
				   repository_list_server(repository, settings->general->server, &names, &count)
			   ? queue_lock(directory, "lock", LOCK_SECONDS)
			   : -1;
	for (i = 0; i < count && lock >= 0; i = next)
	{
		for (next = i + 1; next < count && backup_same_owner(&names[next], &names[i]);)
			next++;
		check_age(settings, directory, repository, names + i, next - i);
	}
	if (lock >= 0)
		check_gone(settings, directory, repository, names, count);
	queue_unlock(lock);
	free(names);
	if (repository != NULL)
		repository_close(repository);
	free(directory);
	return lock >= 0 || report_error(EXIT_FAILED, NULL, NULL, "could not check for missed backups");
}

/* ---- the queue ---- */

static void
discard_dead(const Settings *settings)
{
	char *directory = queue_directory(settings, false);
	int count = 0;
	char **names = directory != NULL ? queue_names(directory, DEAD_FOLDER, &count) : NULL;
	int i;

	for (i = 0; i < count; i++)
		queue_remove(directory, DEAD_FOLDER, names[i]);
	queue_names_free(names, count);
	free(directory);
	log_info("forgot %s that had been given up", pretty_number_of((uint64_t) count, "message"));
}

/* Messages wait for another try; always false (reported). */
static bool
report_waiting(const Settings *settings, int waiting)
{
	char *directory = queue_directory(settings, false);
	char *error = NULL;
	int count = 0;
	char **names = directory != NULL ? queue_names(directory, QUEUE_FOLDER, &count) : NULL;
	int i;

	for (i = 0; i < count && error == NULL; i++)
	{
		json_t *message = queue_read(directory, QUEUE_FOLDER, names[i]);

		if (json_member(message, "last_error") != NULL)
			error = xstrdup(json_member(message, "last_error"));
		json_decref(message);
	}
	report_error(EXIT_FAILED, NULL, "\"nex_backup notify list\" shows them.",
				 "%s could not be delivered yet%s%s",
				 pretty_number_of((uint64_t) waiting, "message"), error != NULL ? ": " : "",
				 error != NULL ? error : "");
	free(error);
	queue_names_free(names, count);
	free(directory);
	return false;
}

static bool
work_on_queue(const Settings *settings)
{
	DeliveryCount count = {0, 0, 0};
	bool taken;

	notify_sweep(settings);
	/* What waits already is delivered in any case. */
	taken = notify_take_alarms(settings);
	if (!notify_deliver(settings, settings->notify->flush ? DELIVER_ALL : DELIVER_DUE, &count))
		return report_error(EXIT_FAILED, NULL, NULL, "could not deliver messages");
	if (settings->general->json)
		output_json(json_pack("{s:i, s:i, s:i}", "delivered", count.delivered, "waiting",
							  count.waiting, "given_up", count.buried));
	else if (settings->general->log_level < LOG_LEVEL_WARNING)
		show_text("%s delivered, %d waiting, %d given up\n",
				  pretty_number_of((uint64_t) count.delivered, "message"), count.waiting,
				  count.buried);
	if (settings->notify->fail_if_waiting && count.waiting > 0)
		return report_waiting(settings, count.waiting);
	return taken;
}

static bool
run_notify(const Settings *settings)
{
	const char *word = settings->general->narguments > 0 ? settings->general->arguments[0] : NULL;

	if (settings->notify->test)
		return run_test(settings);
	if (word != NULL && strcmp(word, "list") == 0)
		return run_list(settings);
	if (word != NULL)
		return report_error(EXIT_USAGE, NULL,
							"It is \"list\", or with --test a channel: mail, webhook, slack, teams "
							"or ping.",
							"unknown word \"%s\" after \"notify\"", word);
	if (settings->notify->discard_dead)
		discard_dead(settings);
	if (settings->notify->check_missed && !run_check_missed(settings))
		return false;
	return work_on_queue(settings);
}

const Command command_notify = {
	.name = "notify",
	.summary = "test notifications, and deliver those that wait",
	.arguments = "[list | CHANNEL]",
	.min_arguments = 0,
	.max_arguments = 1,
	.options = "test flush check-missed fail-if-waiting discard-dead notify-on notify-repeat-after "
			   "notify-give-up-after notify-missed-after notify-missed-except "
			   "notify-directory notify-ca-file "
			   "notify-mail-server notify-mail-tls notify-mail-user notify-mail-password-file "
			   "notify-mail-from notify-mail-to notify-webhook-url-file "
			   "notify-webhook-hmac-key-file notify-slack-url-file notify-teams-url-file "
			   "notify-ping-url-file",
	.per_call = "test flush check-missed fail-if-waiting discard-dead",
	.run = run_notify,
	.optional_repository = true,
};
