/*-------------------------------------------------------------------------
 *
 * cluster_restore.c
 *	  Restoring a whole cluster.
 *
 *-------------------------------------------------------------------------
 */
#include "cluster_restore.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cluster_settings.h"
#include "interrupt.h"
#include "left_timeline.h"
#include "log.h"
#include "memory.h"
#include "progress.h"
#include "recovery_proof.h"
#include "recovery_settings.h"
#include "restore_settings.h"
#include "settings.h"
#include "verify_listed.h"
#include "work_settings.h"

#define AUTO_CONF "postgresql.auto.conf"

/* Are all objects there, with their lengths?  They are read, and checked, when they are used. */
static bool
check_present(Repository *repository, const Manifest *base)
{
	ListedServer listed = {.known = false};
	VerifyReport report = {.nbad = 0};
	bool good;
	int i;

	progress_phase("looking for objects", "", 0, 0);
	good = verify_listed(&listed, repository, base, NULL, &report);
	for (i = 0; i < report.nbad; i++)
		verify_report_say(base, &report.bad[i]);
	good = good && report.nbad == 0;
	verify_report_free(&report);
	listed_server_free(&listed);
	return good;
}

bool
cluster_restore_look(ClusterRestore *restore, const Settings *settings, Repository *repository,
					 const char *base)
{
	memset(restore, 0, sizeof(*restore));
	restore->settings = settings;
	restore->repository = repository;
	restore->target.directory = -1;
	restore->target.path = settings->cluster->data_dir;
	restore->target.mappings = &settings->restore->tablespace_mappings;
	restore->target.later = &restore->later;
	if (!recovery_plan_make(settings, repository, base, &restore->plan) ||
		!check_present(repository, restore->plan.base) ||
		!base_content_read(repository, restore->plan.base, &restore->content) ||
		!recovery_prove(&restore->plan, settings->work->jobs, &restore->later))
		return false;
	if (settings->cluster->timeline == NULL)
		left_timeline_warn(&restore->plan);
	restore->command = recovery_command(settings, &restore->plan);
	return restore->command != NULL;
}

bool
cluster_restore_check(const ClusterRestore *restore)
{
	return data_directory_check(&restore->target, restore->plan.base, &restore->content);
}

/* What the server finds when it starts: where to begin, and how far to go. */
static bool
write_recovery(ClusterRestore *restore)
{
	const char *label = restore->plan.base->cluster.label;
	Buffer text;
	bool good;

	buffer_init(&text);
	recovery_settings_write(restore->settings, &restore->plan, restore->command, &text);
	good = data_directory_write(&restore->target, "backup_label", label, strlen(label), false) &&
		   data_directory_write(&restore->target, AUTO_CONF, text.data, text.length, true) &&
		   data_directory_write(&restore->target, "recovery.signal", "", 0, false);
	buffer_free(&text);
	return good;
}

/* Does a line of postgresql.conf set it? */
static bool
is_line_of(const char *line, const char *name)
{
	size_t length = strlen(name);

	line += strspn(line, " \t");
	return strncasecmp(line, name, length) == 0 && strchr(" \t='", line[length]) != NULL &&
		   line[length] != '\0';
}

static bool
sets_either(const char *text, const char *name, const char *other)
{
	bool found = false;
	const char *line;

	for (line = text; line != NULL && !found; line = strchr(line, '\n'))
	{
		line += *line == '\n';
		found = is_line_of(line, name) || is_line_of(line, other);
	}
	return found;
}

/*
 * Would a server that is started there be one elsewhere, or let in whom a file elsewhere says?  No
 * server is there to be asked; what included files say is not seen.
 */
static void
find_places(ClusterRestore *restore)
{
	Buffer text;
	bool known;

	buffer_init(&text);
	known = restore->plan.base->cluster.complete &&
			data_directory_read(&restore->target, "postgresql.conf", &text);
	restore->elsewhere = !known || sets_either(text.data, "data_directory", "external_pid_file");
	restore->access_elsewhere = known && sets_either(text.data, "hba_file", "ident_file");
	buffer_free(&text);
}

bool
cluster_restore_execute(ClusterRestore *restore)
{
	const Manifest *base = restore->plan.base;
	bool good = data_directory_fill(&restore->target, restore->repository, base, &restore->content,
									restore->settings->work->jobs) &&
				write_recovery(restore) && !stop_requested() &&
				data_directory_finish(&restore->target, base);

	if (good)
		find_places(restore);
	if (!good && restore->target.made && !restore->target.thrown_away)
		log_warning_hint("No server starts from it.  Remove what is in it, and in the directories "
						 "of tablespaces, before the next attempt.",
						 "directory \"%s\" is not complete", restore->target.path);
	return good;
}

void
cluster_restore_free(ClusterRestore *restore)
{
	size_t i;

	for (i = 0; i < restore->later.count; i++)
		free(restore->later.items[i].path);
	free(restore->later.items);
	data_directory_close(&restore->target);
	base_content_free(&restore->content);
	recovery_plan_free(&restore->plan);
	free(restore->command);
}
