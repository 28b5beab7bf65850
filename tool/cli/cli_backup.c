/*-------------------------------------------------------------------------
 *
 * cli_backup.c
 *	  nex_backup backup
 *
 *-------------------------------------------------------------------------
 */
#include "command.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "backup.h"
#include "catalogue.h"
#include "interrupt.h"
#include "log.h"
#include "output.h"
#include "progress_bar.h"
#include "quote.h"

static void
print_json(const Manifest *manifest, double seconds)
{
	const ManifestTotals *totals = &manifest->totals;

	output_json(json_pack("{s:s, s:s, s:s, s:f, s:I, s:I, s:I, s:I, s:I, s:I}", "database",
						  manifest->database.name, "backup", manifest->id, "type", manifest->type,
						  "seconds", seconds, "tables", (json_int_t) totals->tables, "rows",
						  (json_int_t) totals->rows, "raw_bytes", (json_int_t) totals->raw_bytes,
						  "stored_bytes", (json_int_t) totals->stored_bytes, "new_bytes",
						  (json_int_t) totals->new_bytes, "objects", (json_int_t) totals->objects));
}

static void
print_summary(const Manifest *manifest, double seconds)
{
	const ManifestTotals *totals = &manifest->totals;
	char *name = printable_name(manifest->database.name);

	printf("backup %s/%s: %s, %s, %s stored as %s (%s new) in %s\n", name, manifest->id,
		   pretty_number_of(totals->tables, "table"), pretty_number_of(totals->rows, "row"),
		   pretty_bytes(totals->raw_bytes), pretty_bytes(totals->stored_bytes),
		   pretty_bytes(totals->new_bytes), pretty_duration(seconds));
	free(name);
}

/* Tell the catalogue how it went. */
static void
record(const Settings *settings, const Repository *repository, const char *database,
	   const Manifest *manifest, const char *started)
{
	json_t *payload =
		catalogue_payload(repository, database, manifest != NULL ? manifest->id : NULL, started);

	json_object_set_new(payload, "type", json_string(settings->type));
	if (manifest != NULL)
	{
		/* An interrupt that came too late to prevent it does not undo it. */
		json_object_set_new(payload, "state", json_string("succeeded"));
		catalogue_add_manifest(payload, manifest);
	}
	catalogue_record(settings, EVENT_BACKUP, database, payload);
}

static bool
run_backup(const Settings *settings)
{
	Repository *repository = repository_open(settings->repo);
	struct timespec start;
	struct timespec end;
	Manifest *manifest;
	char *database = NULL;
	char started[32];
	double seconds;
	struct tm tm;
	bool good;

	if (repository == NULL)
		return false;
	clock_gettime(CLOCK_REALTIME, &start);
	gmtime_r(&start.tv_sec, &tm);
	strftime(started, sizeof(started), "%Y-%m-%dT%H:%M:%SZ", &tm);

	progress_bar_start(settings);
	manifest = backup_database(settings, repository, &database);
	progress_bar_stop();
	clock_gettime(CLOCK_REALTIME, &end);
	seconds = (double) (end.tv_sec - start.tv_sec) + (double) (end.tv_nsec - start.tv_nsec) / 1e9;

	if (database != NULL)
		record(settings, repository, database, manifest, started);
	if (manifest != NULL && settings->json)
		print_json(manifest, seconds);
	else if (manifest != NULL)
		print_summary(manifest, seconds);
	good = manifest != NULL;
	manifest_free(manifest);
	free(database);
	repository_close(repository);
	return good;
}

const Command command_backup = {
	.name = "backup",
	.summary = "back up a database",
	.arguments = "",
	.min_arguments = 0,
	.max_arguments = 0,
	.options = "dbname host port username no-password password jobs type compress chunk-blocks "
			   "lock-wait-timeout pg-bindir catalogue",
	.help =
		"Copies one consistent state of a database into the repository: schema, rows, large "
		"objects,\n"
		"sequences and database settings.  Nothing is published unless all of it was stored "
		"safely;\n"
		"an interrupted backup leaves no half backup, and the next one re-uses what was stored.\n"
		"\n"
		"Examples:\n"
		"  nex_backup backup --repo /var/backups/pg -d invoices\n"
		"  nex_backup backup --repo /var/backups/pg -d invoices -j 4 --type weekly --compress "
		"zstd:3\n",
	.run = run_backup,
};
