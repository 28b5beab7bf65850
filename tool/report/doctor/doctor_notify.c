/*-------------------------------------------------------------------------
 *
 * doctor_notify.c
 *	  The part of "nex_backup doctor" that asks whether a failure would reach
 *	  anybody.
 *
 *-------------------------------------------------------------------------
 */
#include <stdlib.h>

#include "doctor_checks.h"
#include "doctor_notify.h"
#include "notify.h"
#include "notify_channel.h"
#include "notify_queue.h"
#include "pretty.h"

#define CHECK_NAME "notifications"

/* Channels that are set but cannot work; their number. */
static int
say_problems(Doctor *doctor)
{
	int bad = 0;
	int i;

	for (i = 0; i < channel_count; i++)
	{
		const NotifyChannel *channel = channel_table[i];
		char *problem =
			channel->configured(doctor->settings) ? channel->problem(doctor->settings) : NULL;

		if (problem == NULL)
			continue;
		bad++;
		doctor_say(doctor, CHECK_WARNING, CHECK_NAME, "nex_backup notify --test",
				   "channel \"%s\" cannot work: %s", channel->name, problem);
		free(problem);
	}
	return bad;
}

/* Messages in a folder of the queue. */
static int
count_messages(const Doctor *doctor, const char *folder)
{
	char *directory = queue_directory(doctor->settings, false);
	int count = 0;

	if (directory != NULL)
		queue_names_free(queue_names(directory, folder, &count), count);
	free(directory);
	return count;
}

void
doctor_check_notify(Doctor *doctor)
{
	int waiting = count_messages(doctor, QUEUE_FOLDER);
	int dead = count_messages(doctor, DEAD_FOLDER);
	bool configured = notify_configured(doctor->settings);
	char *problem = configured ? queue_problem(doctor->settings) : NULL;
	bool good = say_problems(doctor) == 0 && problem == NULL;

	if (problem != NULL)
		doctor_say(doctor, CHECK_WARNING, CHECK_NAME,
				   "Name a directory of this user with notify-directory or state-dir in the "
				   "settings file.",
				   "messages could not wait on disk: %s", problem);
	free(problem);
	if (!configured && good)
		doctor_say(doctor, CHECK_OK, CHECK_NAME, NULL,
				   "none configured: nobody is told of a failure");
	else if (good && waiting == 0 && dead == 0 && !doctor->alarms_wait)
		doctor_say(doctor, CHECK_OK, CHECK_NAME, NULL, "configured");
	if (waiting > 0)
		doctor_say(doctor, CHECK_WARNING, CHECK_NAME, "nex_backup notify --flush",
				   "%s could not be delivered yet",
				   pretty_number_of((uint64_t) waiting, "message"));
	if (dead > 0)
		doctor_say(doctor, CHECK_WARNING, CHECK_NAME,
				   "\"nex_backup notify list\" shows them, \"nex_backup notify --discard-dead\" "
				   "forgets them.",
				   "%s could not be delivered and were given up",
				   pretty_number_of((uint64_t) dead, "message"));
}
