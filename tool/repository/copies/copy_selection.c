/*-------------------------------------------------------------------------
 *
 * copy_selection.c
 *	  Which backups of a repository are meant.
 *
 *-------------------------------------------------------------------------
 */
#include "copy_selection.h"

#include <stdlib.h>
#include <string.h>

#include "backup_list.h"
#include "backup_summary.h"
#include "choose.h"
#include "log.h"
#include "memory.h"
#include "utc_time.h"
#include "resolve.h"

/* What a name means. */
static bool
find_named(Repository *repository, const char *text, BackupName **names, int *count)
{
	const char *slash = strrchr(text, '/');
	Owner owner;

	*names = NULL;
	*count = 0;
	if (slash != NULL && backup_id_valid(slash + 1))
	{
		*names = xcalloc(1, sizeof(BackupName));
		*count = 1;
		return repository_resolve(repository, text, *names);
	}
	return repository_owner_named(repository, text, &owner) &&
		   repository_list(repository, &owner, names, count) &&
		   (*count > 0 || report_no_backups_of(repository, text));
}

/* Is it among them, and meant by that? */
static bool
is_meant(const BackupName *name, const BackupName *named, int count)
{
	int i;

	for (i = 0; i < count; i++)
	{
		if (backup_same_owner(name, &named[i]) && strcmp(name->id, named[i].id) == 0)
			return true;
	}
	return false;
}

/* Keep those that are named. */
static bool
keep_named(Repository *repository, const CopySelection *selection, BackupName *names, int *count)
{
	BackupName *named = NULL;
	int nnamed = 0;
	bool good = true;
	int kept = 0;
	int i;

	for (i = 0; i < selection->nnames && good; i++)
	{
		BackupName *more;
		int nmore;

		good = find_named(repository, selection->names[i], &more, &nmore);
		named = xrealloc(named, (size_t) (nnamed + nmore + 1) * sizeof(BackupName));
		if (nmore > 0)
			memcpy(named + nnamed, more, (size_t) nmore * sizeof(BackupName));
		nnamed += nmore;
		free(more);
	}
	for (i = 0; i < *count && good; i++)
	{
		if (is_meant(&names[i], named, nnamed))
			names[kept++] = names[i];
	}
	*count = kept;
	free(named);
	return good;
}

static void
keep_kinds(const TextList *kinds, BackupName *names, int *count)
{
	int kept = 0;
	int i;
	int j;

	for (i = 0; i < *count; i++)
	{
		for (j = 0; j < kinds->count; j++)
		{
			if (strcmp(kinds->items[j], backup_kind_name(names[i].owner.kind)) == 0)
				break;
		}
		if (j < kinds->count)
			names[kept++] = names[i];
	}
	*count = kept;
}

/* The last ones of each owner, by the time of their snapshots. */
static void
keep_last(Repository *repository, int last, BackupName *names, int *count)
{
	int kept = 0;
	int i;
	int j;

	repository_sort(repository, names, *count);
	for (i = 0; i < *count; i++)
	{
		for (j = i; j < *count && j <= i + last && backup_same_owner(&names[i], &names[j]); j++)
			;
		if (j <= i + last)
			names[kept++] = names[i];
	}
	*count = kept;
}

static void
keep_since(Repository *repository, const char *since, BackupName *names, int *count)
{
	int kept = 0;
	double time;
	int i;

	for (i = 0; i < *count && utc_time_parse(since, &time); i++)
	{
		if (backup_snapshot_time(repository, &names[i]) >= time)
			names[kept++] = names[i];
	}
	*count = kept;
}

bool
copy_select(Repository *repository, const CopySelection *selection, BackupName **names, int *count)
{
	const char *server = selection->nnames > 0 ? NULL : selection->server;
	int all;

	if (!repository_list_server(repository, server, names, count))
		return false;
	all = *count;
	if (selection->nnames > 0 && !keep_named(repository, selection, *names, count))
		return false;
	if (selection->kinds->count > 0)
		keep_kinds(selection->kinds, *names, count);
	if (selection->since != NULL)
		keep_since(repository, selection->since, *names, count);
	if (selection->last > 0)
		keep_last(repository, selection->last, *names, count);
	/* Most likely a mistake, which would be made again every night. */
	return *count > 0 || (all == 0 && server == NULL) ||
		   report_error(EXIT_FAILED, NULL, "\"nex_backup list\" shows what there is.",
						"no backup in \"%s\" is meant by these options",
						repository->storage->location);
}
