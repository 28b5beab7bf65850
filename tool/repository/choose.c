/*-------------------------------------------------------------------------
 *
 * choose.c
 *	  Which backup of a database shows it at a given time.
 *
 * The time of a backup is that of its snapshot, which stands in its manifest;
 * its id only says when it began.  Where the manifest is damaged the id must
 * do: to pass over a damaged backup in silence would restore an older state
 * than was asked for.
 *
 *-------------------------------------------------------------------------
 */
#include <stdlib.h>
#include <string.h>

#include "interrupt.h"
#include "log.h"
#include "quote.h"
#include "repository.h"
#include "utc_time.h"

/* Time of a backup's snapshot. */
static double
snapshot_time(Repository *repository, const BackupName *name)
{
	char *error = NULL;
	Manifest *manifest = repository_manifest_try(repository, name, &error);
	double seconds;

	if (manifest == NULL || !utc_time_parse(manifest->snapshot_at, &seconds))
		seconds = (double) backup_id_time(name->id);
	manifest_free(manifest);
	free(error);
	return seconds;
}

const BackupName *
repository_choose(Repository *repository, const BackupName *names, int count, const double *at)
{
	int i;

	for (i = count - 1; i >= 0 && !interrupted(); i--)
	{
		if (at == NULL || ((double) backup_id_time(names[i].id) <= *at &&
						   snapshot_time(repository, &names[i]) <= *at))
			return &names[i];
	}
	return NULL;
}

bool
repository_resolve_at(Repository *repository, const char *database, double at, BackupName *name)
{
	const BackupName *chosen = NULL;
	BackupName *names = NULL;
	int count = 0;
	char *shown;

	if (!repository_list(repository, database, &names, &count))
		return false;
	chosen = repository_choose(repository, names, count, &at);
	if (chosen != NULL)
		*name = *chosen;
	free(names);
	if (chosen != NULL)
		return true;
	shown = printable_name(database);
	report_error(EXIT_FAILED, NULL,
				 "\"nex_backup list\" shows the times of all backups; --at is UTC unless it names "
				 "an offset.",
				 "there is no backup of %s%s%s that early", shown[0] != '\0' ? "database \"" : "",
				 shown[0] != '\0' ? shown : "the globals", shown[0] != '\0' ? "\"" : "");
	free(shown);
	return false;
}
