/*-------------------------------------------------------------------------
 *
 * restore_one.c
 *	  nex_backup restore DB
 *
 *-------------------------------------------------------------------------
 */
#include "restore_one.h"

#include <stdlib.h>
#include <unistd.h>

#include "ask.h"
#include "deadline.h"
#include "interrupt.h"
#include "json_text.h"
#include "log.h"
#include "object_errors.h"
#include "output.h"
#include "progress_bar.h"
#include "quote.h"
#include "repository_view.h"
#include "restore.h"
#include "restore_record.h"
#include "restore_settings.h"
#include "settings.h"

/* Ask before a live database is replaced; false (reported) unless the answer is yes. */
static bool
confirm(const Settings *settings, const RestorePreview *preview)
{
	char *name = printable_name(preview->database);
	bool yes;

	if (!preview->replaces || settings->restore->yes)
	{
		free(name);
		return true;
	}
	if (!isatty(STDIN_FILENO))
	{
		report_error(EXIT_USAGE, NULL, "Use --yes to replace it without confirmation.",
					 "database \"%s\" would be replaced, and there is no terminal to ask on", name);
		free(name);
		return false;
	}
	show_question("Database \"%s\" (%s, %s) will be replaced by backup %s, the state of %s.\n"
				  "Its sessions will be disconnected at the end.  %s\n"
				  "Continue? [y/N] ",
				  name, pretty_bytes(preview->live_bytes),
				  pretty_number_of((uint64_t) preview->live_sessions, "session"),
				  preview->backup->id, preview->snapshot_at,
				  settings->restore->discard_old
					  ? "THE PRESENT DATABASE WILL BE DROPPED."
					  : "The present database is kept under another name.");
	yes = ask_yes();
	free(name);
	return yes || report_error(EXIT_FAILED, NULL, NULL, "nothing was changed");
}

/* A bar would be drawn over the question, so it comes after the answer. */
static bool
agree(const RestorePreview *preview, void *settings)
{
	if (!confirm(settings, preview))
		return false;
	progress_bar_start(settings);
	return true;
}

/* What the catalog is told has the repository that stays, and what the backup was made of. */
static void
record(const RestoreRequest *request, const RestoreResult *result, const RestoreOrigin *origin,
	   bool good, const char *started)
{
	RestoreRequest told = *request;
	RestoreResult seen = *result;

	if (origin != NULL)
	{
		told.repository = origin->repository;
		seen.backup = origin->backup;
	}
	restore_record(&told, &seen, good, started);
}

bool
restore_and_tell(const RestoreRequest *request, bool json, const RestoreOrigin *origin)
{
	RestoreResult result = {.begun = false};
	double begun = origin != NULL ? origin->begun : monotonic_seconds();
	char now[UTC_EXACT_SIZE];
	bool good;

	utc_now_exact(now);
	good = repository_lock_shared(request->repository) && restore_run(request, NULL, &result);
	progress_bar_stop();
	if (good)
	{
		interrupt_too_late();
		restore_report(json, &result, monotonic_seconds() - begun, origin);
	}
	if (good && result.incomplete)
		good = object_errors_report(&result);
	/* A setting that was refused is an error, though the database is there. */
	if (result.begun)
		record(request, &result, origin, good && log_exit_code() == EXIT_DONE,
			   origin != NULL ? origin->started : now);
	restore_result_free(&result);
	return good;
}

bool
restore_one(const Settings *settings, const char *backup, bool json)
{
	Repository *repository = open_repository_places(settings, false);
	const RestoreRequest request = {.settings = settings,
									.repository = repository,
									.backup = backup,
									.at = settings->restore->at,
									.database = settings->restore->to,
									.agree = agree,
									.argument = (void *) settings};
	bool good = repository != NULL && restore_and_tell(&request, json, NULL);

	repository_close(repository);
	return good;
}
