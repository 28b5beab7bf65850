/*-------------------------------------------------------------------------
 *
 * archive_module.c
 *	  archive_library = 'nex_backup': WAL is stored in a repository.
 *
 * PostgreSQL loads the library into its archiver for that, also if it is not in
 * shared_preload_libraries; nothing of the scheduler runs there.  The work is
 * done by a program (archive_helper.c).  Here it is only asked, and what it
 * refuses is said: once, and again every minute, since the server tries again
 * every few seconds.
 *
 *-------------------------------------------------------------------------
 */
#include "compat.h"

#ifdef NEX_ARCHIVE_MODULES

#include <time.h>

#include "archive_helper.h"
#include "settings.h"

/* The same failure is in the log again after so many seconds. */
#define REPEAT_SECONDS 60

static bool
is_configured(void)
{
	if (setting_archive_repository != NULL && setting_archive_repository[0] != '\0')
		return true;
	archive_not_configured_compat("\"nex_backup.archive_repository\" is not set.");
	return false;
}

/* Is this something new, or has it not been said for a while? */
static bool
is_to_be_said(const ArchiveAnswer *answer)
{
	static char said[ARCHIVE_ERROR_SIZE];
	static time_t at = 0;
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	if (strcmp(said, answer->error) == 0 && now.tv_sec < at + REPEAT_SECONDS)
		return false;
	strlcpy(said, answer->error, sizeof(said));
	at = now.tv_sec;
	return true;
}

static bool
archive_file(const char *file, const char *path)
{
	static ArchiveAnswer answer;
	static bool failed = false;

	archive_helper_ask(file, &answer);
	if (answer.stored && failed)
		ereport(LOG, (errmsg("nex_backup archives WAL again, from \"%s\" on", file)));
	if (!answer.stored && !answer.ended && is_to_be_said(&answer))
		ereport(WARNING, (errmsg("could not archive \"%s\" by nex_backup: %s", file, answer.error),
						  answer.detail[0] != '\0' ? errdetail("%s", answer.detail) : 0,
						  answer.hint[0] != '\0' ? errhint("%s", answer.hint) : 0));
	failed = !answer.stored;
	return answer.stored;
}

NEX_ARCHIVE_MODULE(is_configured, archive_file, archive_helper_stop)

#endif /* NEX_ARCHIVE_MODULES */
