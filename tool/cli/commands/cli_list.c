/*-------------------------------------------------------------------------
 *
 * cli_list.c
 *	  nex_backup list: the backups in a repository.
 *
 *-------------------------------------------------------------------------
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backup_list.h"
#include "choose.h"
#include "command.h"
#include "command_settings.h"
#include "general_settings.h"
#include "log.h"
#include "memory.h"
#include "output.h"
#include "quote.h"
#include "repository_view.h"
#include "resolve.h"
#include "settings.h"
#include "unclear.h"
#include "verification.h"

#define COLUMNS 12
#define CELL_SIZE 80

static const char *const headings[COLUMNS] = {"database", "backup", "type",   "snapshot (UTC)",
											  "duration", "size",   "stored", "added",
											  "tables",   "rows",   "codec",  "verified"};

/* One line of the table; a damaged backup has little to show. */
static void
add_line(TextTable *table, const BackupSummary *summary)
{
	const ManifestTotals *totals = &summary->totals;
	char cells[COLUMNS][CELL_SIZE];
	const char *pointers[COLUMNS];
	char *owner;
	int i;

	memset(cells, 0, sizeof(cells));
	owner = backup_owner_cell(&summary->name);
	snprintf(cells[0], CELL_SIZE, "%s", owner);
	free(owner);
	snprintf(cells[1], CELL_SIZE, "%s", summary->name.id);
	if (summary->damage != NULL)
		snprintf(cells[2], CELL_SIZE, summary->unreadable ? "UNREADABLE" : "DAMAGED");
	else
	{
		snprintf(cells[2], CELL_SIZE, "%s", summary->type);
		snprintf(cells[3], CELL_SIZE, "%.10s %.8s", summary->snapshot_at,
				 strlen(summary->snapshot_at) > 11 ? summary->snapshot_at + 11 : "");
		snprintf(cells[4], CELL_SIZE, "%s", pretty_duration(summary->seconds));
		snprintf(cells[5], CELL_SIZE, "%s", pretty_bytes(totals->raw_bytes));
		snprintf(cells[6], CELL_SIZE, "%s", pretty_bytes(totals->stored_bytes));
		snprintf(cells[7], CELL_SIZE, "%s", pretty_bytes(totals->new_bytes));
		if (summary->name.owner.kind == BACKUP_OF_DATABASE)
		{
			snprintf(cells[8], CELL_SIZE, "%s", pretty_count(totals->tables));
			snprintf(cells[9], CELL_SIZE, "%s", pretty_count(totals->rows));
		}
		snprintf(cells[10], CELL_SIZE, "%s%s%s", summary->codec,
				 summary->cipher != CIPHER_NONE ? " " : "",
				 summary->cipher != CIPHER_NONE ? cipher_name(summary->cipher) : "");
	}
	verification_text(summary, cells[11], CELL_SIZE);
	for (i = 0; i < COLUMNS; i++)
		pointers[i] = cells[i];
	text_table_row(table, pointers);
}

static bool
is_of_globals(const char *database)
{
	return strcmp(database, GLOBALS_DATABASE) == 0;
}

/* That there is nothing is an answer; that there is nothing of this name is mostly a mistake. */
static bool
say_empty(Repository *repository, const char *database, bool clusters)
{
	if (clusters)
		show_text("no base backups in repository \"%s\"; make one with: nex_backup base backup\n",
				  repository->storage->location);
	else if (database != NULL && is_of_globals(database))
		show_text(
			"no backups of the globals in repository \"%s\"; make one with: nex_backup globals "
			"backup\n",
			repository->storage->location);
	else if (database != NULL)
		return report_no_backups_of(repository, database);
	else
		show_text("no backups in repository \"%s\"; make one with: nex_backup backup -d DATABASE\n",
				  repository->storage->location);
	return true;
}

/* Show the backups; false (reported) if one is damaged. */
static bool
show(Repository *repository, const Settings *settings, const BackupName *names, int count)
{
	TextTable *table = NULL;
	json_t *list = NULL;
	BackupSummary *damaged = NULL;
	int ndamaged = 0;
	int nlocked = 0;
	int nunknown = 0;
	bool good = true;
	int i;

	if (settings->general->json)
		list = json_array();
	else
		table = text_table_create(COLUMNS, headings, "llllrrrrrrll");
	for (i = 0; i < count; i++)
	{
		BackupSummary summary;

		summary_load(repository, &names[i], &summary);
		if (summary.removed)
		{
			summary_free(&summary);
			continue;
		}
		if (settings->general->json)
			json_array_append_new(list, summary_json(&summary));
		else
			add_line(table, &summary);
		good &= !summary.verification_damaged;
		nlocked += summary.locked;
		nunknown += verification_has_unknown_sql(&summary.verification);
		if (summary.damage != NULL)
		{
			damaged = xrealloc(damaged, (size_t) (ndamaged + 1) * sizeof(BackupSummary));
			damaged[ndamaged++] = summary;
		}
		else
			summary_free(&summary);
	}
	if (settings->general->json)
		output_json(
			json_pack("{s:o, s:o}", "repository", repository_json(repository), "backups", list));
	else
	{
		text_table_print(table);
		if (nlocked > 0)
			show_text("%d of these %s encrypted for keys that are not at hand\n", nlocked,
					  nlocked == 1 ? "is" : "are");
		if (nunknown > 0)
			show_text(
				"%d of these %s SQL that nex_backup does not write; \"nex_backup verify\" shows "
				"it\n",
				nunknown, nunknown == 1 ? "holds" : "hold");
	}
	fflush(stdout);
	for (i = 0; i < ndamaged; i++)
	{
		good = report_damaged(&damaged[i]);
		summary_free(&damaged[i]);
	}
	free(damaged);
	return good;
}

static bool
run_list(const Settings *settings)
{
	const char *database =
		settings->general->narguments > 0 ? settings->general->arguments[0] : NULL;
	Repository *repository = open_repository(settings);
	BackupName *names = NULL;
	int count = 0;
	Owner owner;
	bool good;

	if (repository == NULL)
		return false;
	repository_only_look(repository);
	if (settings->command->clusters)
		good = repository_list_clusters(repository, NULL, &names, &count);
	else if (database == NULL)
		good = repository_list_server(repository, settings->general->server, &names, &count);
	else
		good = repository_owner_named(repository, database, &owner) &&
			   repository_list(repository, &owner, &names, &count);
	if (good)
		repository_sort(repository, names, count);
	if (good && count == 0 && !settings->general->json)
		good = say_empty(repository, database, settings->command->clusters);
	else if (good)
		good = show(repository, settings, names, count) &&
			   (count > 0 || database == NULL || is_of_globals(database) ||
				report_no_backups_of(repository, database));
	good &= unclear_report(repository);
	free(names);
	repository_close(repository);
	return good;
}

const Command command_list = {
	.name = "list",
	.summary = "show the backups in the repository",
	.arguments = "[DB]",
	.min_arguments = 0,
	.max_arguments = 1,
	.options = "as-of",
	.per_call = "as-of",
	.run = run_list,
};
