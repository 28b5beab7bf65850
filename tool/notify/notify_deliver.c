/*-------------------------------------------------------------------------
 *
 * notify_deliver.c
 *	  Messages from the queue to their channels.
 *
 * One process delivers at a time.  A message leaves the disk only after the
 * other side has taken it, so that a crash repeats a delivery and loses none;
 * the id, which stays the same, lets the other side see the repetition.  What
 * fails is tried again after 30 s, 1 min, 2 min … 30 min until its deadline,
 * then kept among the dead: doctor speaks of those.  Where a server cannot be
 * reached, the other messages for it wait for the next pass, so that a mail
 * server that is down costs one timeout and not one for each message; at the end
 * of a command, where somebody waits, one short timeout.
 *
 *-------------------------------------------------------------------------
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "buffer.h"
#include "interrupt.h"
#include "log.h"
#include "memory.h"
#include "notify.h"
#include "notify_channel.h"
#include "notify_queue.h"
#include "notify_transport.h"

#define FIRST_BACKOFF 30
#define LONGEST_BACKOFF 1800
#define QUICK_TRIES 3
#define LOCK_SECONDS 60
#define CHANNELS_MAX 8

/* What takes so long to fail is not tried again while somebody waits for it. */
#define SLOW_SECONDS 2

const NotifyChannel *const channel_table[] = {
	&channel_mail, &channel_webhook, &channel_slack, &channel_teams, &channel_ping,
};

#define CHANNEL_COUNT ((int) (sizeof(channel_table) / sizeof(channel_table[0])))

const int channel_count = CHANNEL_COUNT;

_Static_assert(sizeof(channel_table) / sizeof(channel_table[0]) <= CHANNELS_MAX,
			   "CHANNELS_MAX is too small");

const NotifyChannel *
channel_find(const char *name)
{
	int i;

	for (i = 0; i < channel_count; i++)
	{
		if (name != NULL && strcmp(channel_table[i]->name, name) == 0)
			return channel_table[i];
	}
	return NULL;
}

bool
notify_configured(const Settings *settings)
{
	int i;

	for (i = 0; i < channel_count; i++)
	{
		if (channel_table[i]->configured(settings))
			return true;
	}
	return false;
}

void
channel_queue_one(const NotifyChannel *channel, const Settings *settings, const char *directory,
				  const json_t *event)
{
	queue_add(settings, directory, channel->name, NULL, event, false);
}

void
channels_queue(const Settings *settings, const char *directory, const json_t *event)
{
	int i;

	for (i = 0; i < channel_count; i++)
	{
		const NotifyChannel *channel = channel_table[i];
		char *problem;

		if (!channel->configured(settings))
			continue;

		/* A message also waits for a channel that does not work now: it may be fixed in time. */
		problem = channel->problem(settings);
		if (problem != NULL)
			log_warning("channel \"%s\" of the notifications cannot work: %s", channel->name,
						problem);
		channel->queue(channel, settings, directory, event);
		free(problem);
	}
}

/* One pass over the queue. */
typedef struct Pass
{
	const Settings *settings;
	const char *directory;
	DeliveryMode mode;
	DeliveryCount *count;
	bool last;                 /* what fails now waits for another process */
	bool broken[CHANNELS_MAX]; /* by place in the table */
	bool slow[CHANNELS_MAX];
} Pass;

static json_int_t
number(const json_t *message, const char *key)
{
	return json_integer_value(json_object_get(message, key));
}

/* Note a failed try: when is the next one?  True: past its deadline a message is given up. */
static bool
note_failure(Pass *pass, const char *name, json_t *message, const DeliveryResult *result)
{
	json_int_t attempts = number(message, "attempts") + 1;
	json_int_t now = (json_int_t) time(NULL);
	json_int_t backoff = LONGEST_BACKOFF;

	if (attempts < 7)
		backoff = (json_int_t) FIRST_BACKOFF << (attempts - 1);
	/* Not all hosts of a site at the same moment. */
	backoff += (json_int_t) (random() % (backoff / 4 + 1));
	if (result->retry_after > backoff)
		backoff = result->retry_after;
	json_object_set_new(message, "attempts", json_integer(attempts));
	json_object_set_new(message, "last_error", json_string(result->error));
	json_object_set_new(message, "last_attempt", json_integer(now));
	json_object_set_new(message, "next_attempt", json_integer(now + backoff));
	if (now >= number(message, "deadline"))
	{
		log_warning_hint("\"nex_backup notify list\" shows it.",
						 "gave up a message for channel \"%s\": %s",
						 json_member(message, "channel"), result->error);
		queue_bury(pass->directory, name, message);
		pass->count->buried++;
		return true;
	}
	queue_write(pass->directory, QUEUE_FOLDER, name, message);
	pass->count->waiting++;
	return false;
}

/* Is it this message's turn? */
static bool
is_due(const Pass *pass, const json_t *message)
{
	return pass->mode == DELIVER_ALL ||
		   (pass->mode == DELIVER_RUN && number(message, "attempts") < QUICK_TRIES) ||
		   number(message, "next_attempt") <= (json_int_t) time(NULL);
}

/* Try one; false if it still waits. */
static bool
deliver_one(Pass *pass, const char *name, json_t *message)
{
	const NotifyChannel *channel = channel_find(json_member(message, "channel"));
	DeliveryResult result = {NULL, 0, false};
	struct timespec before;
	struct timespec after;
	bool given_up;
	int place;

	for (place = 0; place < channel_count && channel_table[place] != channel; place++)
		;
	if (channel != NULL && pass->broken[place])
	{
		pass->count->waiting++;
		return false;
	}
	if (channel == NULL || !channel->configured(pass->settings))
	{
		json_object_set_new(message, "last_error", json_string("the channel is not configured"));
		if (number(message, "deadline") > (json_int_t) time(NULL))
		{
			pass->count->waiting++;
			return false;
		}
		queue_bury(pass->directory, name, message);
		pass->count->buried++;
		return true;
	}
	clock_gettime(CLOCK_MONOTONIC, &before);
	result = channel->deliver(pass->settings, message, interrupted());
	clock_gettime(CLOCK_MONOTONIC, &after);
	if (result.error == NULL)
	{
		queue_remove(pass->directory, QUEUE_FOLDER, name);
		pass->count->delivered++;
		log_debug("message \"%s\" was delivered", name);
		return true;
	}
	pass->slow[place] = pass->mode == DELIVER_RUN && after.tv_sec - before.tv_sec >= SLOW_SECONDS;
	pass->broken[place] = result.unreachable || pass->slow[place];
	if (pass->last || pass->slow[place])
		log_warning("could not deliver a message to channel \"%s\", it is tried again later: %s",
					channel->name, result.error);
	given_up = note_failure(pass, name, message, &result);
	free(result.error);
	return given_up;
}

/* One message of a pass. */
typedef struct Turn
{
	json_t *message;
	char *line; /* messages of one line are delivered in their order */
	bool due;
} Turn;

/*
 * Where, to whom and about what: a recovery must not arrive before the failure
 * that it ends.  Caller frees.
 */
static char *
line_of(const json_t *message)
{
	static const char *const parts[] = {"kind", "database", "set", "repository"};
	const json_t *event = json_object_get(message, "event");
	const char *channel = json_member(message, "channel");
	const char *recipient = json_member(message, "recipient");
	Buffer line;
	size_t i;

	buffer_init(&line);
	buffer_printf(&line, "%s\n%s", channel != NULL ? channel : "",
				  recipient != NULL ? recipient : "");
	for (i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
	{
		const char *part = json_member(event, parts[i]);

		buffer_printf(&line, "\n%s", part != NULL ? part : "");
	}
	return buffer_detach(&line);
}

/* A message that is due makes those due that must arrive before it. */
static void
read_turns(Pass *pass, char **names, int count, Turn *turns)
{
	int i;
	int j;

	for (i = count - 1; i >= 0; i--)
	{
		turns[i].message = queue_read(pass->directory, QUEUE_FOLDER, names[i]);
		if (turns[i].message == NULL)
			continue;
		turns[i].line = line_of(turns[i].message);
		turns[i].due = is_due(pass, turns[i].message);
		for (j = i + 1; j < count && !turns[i].due; j++)
			turns[i].due = turns[j].due && strcmp(turns[i].line, turns[j].line) == 0;
	}
}

/* Does a message wait that must arrive before this one? */
static bool
is_behind(const Turn *turns, int place)
{
	int i;

	for (i = 0; i < place; i++)
	{
		if (turns[i].message != NULL && strcmp(turns[i].line, turns[place].line) == 0)
			return true;
	}
	return false;
}

static void
run_pass(Pass *pass)
{
	int count;
	char **names = queue_names(pass->directory, QUEUE_FOLDER, &count);
	Turn *turns = xcalloc((size_t) count + 1, sizeof(Turn));
	int i;

	memcpy(pass->broken, pass->slow, sizeof(pass->broken));
	pass->count->waiting = 0;
	read_turns(pass, names, count, turns);
	for (i = 0; i < count; i++)
	{
		if (turns[i].message == NULL)
			continue;
		if (!turns[i].due || is_behind(turns, i))
			pass->count->waiting++;
		else if (deliver_one(pass, names[i], turns[i].message))
		{
			json_decref(turns[i].message);
			turns[i].message = NULL;
		}
	}
	for (i = 0; i < count; i++)
	{
		json_decref(turns[i].message);
		free(turns[i].line);
	}
	free(turns);
	queue_names_free(names, count);
}

bool
notify_deliver(const Settings *settings, DeliveryMode mode, DeliveryCount *count)
{
	char *directory = queue_directory(settings, true);
	Pass pass = {settings, directory, mode, count, false, {false}, {false}};
	int tries = mode == DELIVER_RUN && !interrupted() ? QUICK_TRIES : 1;
	int lock;
	int i;

	memset(count, 0, sizeof(*count));
	if (directory == NULL)
		return false;
	lock = queue_lock(directory, "deliver.lock", interrupted() ? 2 : LOCK_SECONDS);
	if (lock < 0)
	{
		log_warning("messages wait: somebody else has been delivering for a minute");
		free(directory);
		return false;
	}
	srandom((unsigned) time(NULL));
	transport_foreground(mode == DELIVER_RUN);
	for (i = 0; i < tries; i++)
	{
		struct timespec pause = {i, 0};

		nanosleep(&pause, NULL);
		pass.last = i + 1 == tries || interrupted();
		run_pass(&pass);
		if (count->waiting == 0 || pass.last)
			break;
	}
	transport_foreground(false);
	queue_unlock(lock);
	free(directory);
	return true;
}
