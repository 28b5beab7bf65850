/*-------------------------------------------------------------------------
 *
 * restore_moment.c
 *	  nex_backup restore DB --target-time
 *
 * What can be wrong is looked for first: whether the moment can be reached, and
 * whether the restore would be refused in the end, since what is between the two
 * may take hours.
 *
 *-------------------------------------------------------------------------
 */
#include "restore_moment.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ask.h"
#include "command_settings.h"
#include "deadline.h"
#include "json_text.h"
#include "log.h"
#include "memory.h"
#include "moment.h"
#include "moment_text.h"
#include "output.h"
#include "place_settings.h"
#include "progress_bar.h"
#include "quote.h"
#include "repository_view.h"
#include "restore.h"
#include "restore_cluster.h"
#include "restore_one.h"

/* It was asked when there was still nothing done. */
static bool
agree(const RestorePreview *preview, void *argument)
{
	(void) preview;
	(void) argument;
	return true;
}

static bool
confirm(const Moment *moment, const char *database)
{
	const RestoreSettings *settings = moment->settings->restore;
	char *name;
	char *when;
	bool yes;

	if (settings->yes)
		return true;
	name = printable_name(database);
	when = moment_text(&moment->restore.plan);
	yes = isatty(STDIN_FILENO);
	if (yes)
	{
		show_question("Database \"%s\" will be replaced by its state %s.\n"
					  "Its sessions will be disconnected at the end.  %s\n"
					  "Continue? [y/N] ",
					  name, when,
					  settings->discard_old ? "THE PRESENT DATABASE WILL BE DROPPED."
											: "The present database is kept under another name.");
		yes = ask_yes() || report_error(EXIT_FAILED, NULL, NULL, "nothing was changed");
	}
	else
		report_error(EXIT_USAGE, NULL, "Use --yes to replace it without confirmation.",
					 "database \"%s\" would be replaced, and there is no terminal to ask on", name);
	free(when);
	free(name);
	return yes;
}

static void
describe(const Moment *moment, const char *database, RestoreOrigin *origin)
{
	const RecoveryPlan *plan = &moment->restore.plan;
	char *when = moment_text(plan);

	origin->repository = moment->repository;
	origin->backup.owner = owner_of(NULL, database);
	memcpy(origin->backup.id, plan->base->id, sizeof(origin->backup.id));
	origin->text = xasprintf("%s %s (base backup %s)", database, when, plan->base->id);
	origin->json = recovery_plan_json(&moment->restore, true);
	/* What was thrown away. */
	json_object_del(origin->json, "restored");
	json_object_del(origin->json, "data_dir");
	json_object_del(origin->json, "restore_command");
	free(when);
}

static bool
restore_from(Moment *moment, const char *database, bool json, RestoreOrigin *origin)
{
	const RestoreRequest request = {.settings = moment->settings,
									.repository = moment->copy,
									.backup = moment->backup,
									.database = moment->settings->restore->to,
									.agree = agree};
	bool good;

	describe(moment, database, origin);
	good = restore_and_tell(&request, json, origin);
	json_decref(origin->json);
	free(origin->text);
	return good;
}

/* Would the restore be refused in the end? */
static bool
look_ahead(const Moment *moment, const char *database)
{
	const char *to = moment->settings->restore->to;
	const RestoreRequest request = {.settings = moment->settings,
									.repository = moment->repository,
									.database = to != NULL ? to : database};
	bool replaces;

	return restore_look_ahead(&request, &replaces) &&
		   (!replaces || confirm(moment, request.database));
}

static bool
run(Moment *moment, const Settings *settings, Repository *repository, const char *database,
	bool json)
{
	RestoreOrigin origin = {.begun = monotonic_seconds()};
	bool good;

	utc_now_exact(origin.started);
	progress_bar_start(settings);
	good = repository_lock_shared(repository) && moment_plan(moment, settings, repository);
	progress_bar_stop();
	if (good && settings->command->dry_run)
	{
		if (json)
			output_json(recovery_plan_json(&moment->restore, false));
		else
			recovery_plan_show(&moment->restore);
		return true;
	}
	if (!good || !look_ahead(moment, database))
		return false;
	progress_bar_start(settings);
	good = moment_make(moment, database);
	if (!good)
		progress_bar_stop();
	return good && restore_from(moment, database, json, &origin);
}

bool
restore_moment(const Settings *settings, const char *database, bool json)
{
	Repository *repository;
	Moment moment = {.restore.target.directory = -1};
	bool good;

	if (settings->places->others.count > 0)
		return report_error(EXIT_USAGE, NULL, "Name the one that has the archived WAL.",
							"a target of a recovery takes one --repo");
	repository = open_repository(settings);
	if (repository == NULL)
		return false;
	good = run(&moment, settings, repository, database, json);
	moment_end(&moment);
	repository_close(repository);
	return good;
}
