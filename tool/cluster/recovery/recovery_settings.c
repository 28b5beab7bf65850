/*-------------------------------------------------------------------------
 *
 * recovery_settings.c
 *	  The settings with which a restored cluster recovers.
 *
 * The server that was backed up may have been recovered itself: what is left
 * of that in its settings must not be mixed with this.  A value that is set
 * to nothing takes the target away again, so those come first.
 *
 *-------------------------------------------------------------------------
 */
#include "recovery_settings.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cluster_settings.h"
#include "log.h"
#include "memory.h"
#include "options.h"
#include "quote.h"
#include "settings.h"

/* Options that have no place in a restore_command, or that it gets anyway. */
static const char *const left_out[] = {"repo",    "config", "json",     "progress", "catalogue",
									   "catalog", "server", "log-file", NULL};

/* The server runs it in another directory: a file that is there gets its full path. */
static char *
absolute(const char *value)
{
	char *path = value[0] != '/' && strstr(value, "://") == NULL ? realpath(value, NULL) : NULL;

	return path != NULL ? path : xstrdup(value);
}

static void
add_option(const char *name, const char *value, void *argument)
{
	Buffer *out = argument;
	char *full = absolute(value);
	char *word = xasprintf("--%s=%s", name, full);

	buffer_append_char(out, ' ');
	quote_shell_word(out, word);
	free(word);
	free(full);
}

/* In restore_command, % begins what the server puts in. */
static void
double_percents(const Buffer *words, Buffer *out)
{
	size_t i;

	for (i = 0; i < words->length; i++)
	{
		if (words->data[i] == '%')
			buffer_append_char(out, '%');
		buffer_append_char(out, words->data[i]);
	}
}

char *
recovery_command(const Settings *settings, const RecoveryPlan *plan)
{
	char program[PATH_MAX];
	ssize_t length = readlink("/proc/self/exe", program, sizeof(program) - 1);
	Buffer words;
	Buffer command;

	buffer_init(&words);
	buffer_init(&command);
	program[length > 0 ? length : 0] = '\0';
	quote_shell_word(&words, length > 0 ? program : "nex_backup");
	options_for_repository(settings, left_out, add_option, &words);
	double_percents(&words, &command);
	buffer_free(&words);
	buffer_printf(&command, " wal get %%f %%p %" PRIu64, plan->inventory.system.id);
	if (strpbrk(command.data, "\r\n") == NULL)
		return buffer_detach(&command);
	buffer_free(&command);
	report_error(EXIT_FAILED, NULL, NULL,
				 "a path with a line break cannot be written into postgresql.auto.conf");
	return NULL;
}

/*
 * The timeline of the segment in which the server stops: its new one is then said to come from
 * that, not from one that begins behind the moment.
 */
static uint32_t
timeline_of(const RecoveryPlan *plan)
{
	WalName last;

	if (plan->target.kind == TARGET_END)
		return plan->path.steps[plan->path.count - 1].timeline;
	recovery_path_name(&plan->path, plan->last_segment, &last);
	return last.timeline;
}

static void
clear(Buffer *out, const char *const *names, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		buffer_printf(out, "%s = ''\n", names[i]);
}

void
recovery_settings_write(const Settings *settings, const RecoveryPlan *plan, const char *command,
						Buffer *out)
{
	static const char *const cleared[] = {
		"recovery_target",         "recovery_target_time", "recovery_target_lsn",
		"recovery_target_xid",     "recovery_target_name", "recovery_end_command",
		"archive_cleanup_command", "primary_conninfo",     "primary_slot_name"};
	static const char *const actions[] = {
		[ACTION_PAUSE] = "pause", [ACTION_PROMOTE] = "promote", [ACTION_SHUTDOWN] = "shutdown"};
	const Manifest *base = plan->base;
	char timeline[16];

	snprintf(timeline, sizeof(timeline), "%" PRIu32, timeline_of(plan));
	buffer_printf(out,
				  "\n# written by \"nex_backup restore --cluster\" from base backup %s;\n"
				  "# these lines can go when the server has been promoted\n",
				  base->id);
	clear(out, cleared, sizeof(cleared) / sizeof(cleared[0]));
	/* Of a server that was a standby. */
	buffer_append_string(out, "recovery_min_apply_delay = 0\n");
	if (base->server.version_num < 160000)
		buffer_append_string(out, "promote_trigger_file = ''\n");
	recovery_setting(out, "restore_command", command);
	recovery_setting(out, "recovery_target_timeline", timeline);
	recovery_target_write(&plan->target, out);
	if (plan->target.kind != TARGET_END)
	{
		recovery_setting(out, "recovery_target_action", actions[settings->cluster->action]);
		/* It would ask for WAL behind the target, and end if that is missing or damaged. */
		if (base->server.version_num >= 150000)
			buffer_append_string(out, "recovery_prefetch = off\n");
	}
	buffer_append_string(out, "# until it is known that this server takes the place of the old "
							  "one:\narchive_mode = off\n");
}
