/*-------------------------------------------------------------------------
 *
 * base_report.c
 *	  What is shown of base backups.
 *
 *-------------------------------------------------------------------------
 */
#include "base_report.h"

#include "output.h"
#include "repository_view.h"
#include "json_text.h"
#include "wal_position.h"

json_t *
base_report_json(const Manifest *manifest)
{
	const ManifestCluster *cluster = &manifest->cluster;
	char start[WAL_POSITION_SIZE];
	char stop[WAL_POSITION_SIZE];
	json_t *value;
	json_t *tablespaces = json_array();
	json_t *damage = json_array();
	uint32_t i;

	wal_lsn_print(cluster->start, start);
	wal_lsn_print(cluster->stop, stop);
	value = json_pack("{s:o, s:s, s:s, s:i, s:b, s:b, s:o, s:o}", "system_identifier",
					  json_text(manifest->server.system_identifier), "start", start, "stop", stop,
					  "timeline", (int) cluster->timeline, "checksums", cluster->checksums,
					  "complete", cluster->complete, "files", json_count(cluster->files),
					  "damaged_pages", json_count(cluster->damaged));
	for (i = 0; i < cluster->ntablespaces; i++)
		json_array_append_new(
			tablespaces, json_pack("{s:o, s:o}", "oid", json_count(cluster->tablespaces[i].oid),
								   "path", json_text(cluster->tablespaces[i].path)));
	for (i = 0; i < cluster->ndamage; i++)
		json_array_append_new(damage,
							  json_pack("{s:o, s:o}", "path", json_text(cluster->damage[i].path),
										"block", json_count(cluster->damage[i].block)));
	json_object_set_new(value, "tablespaces", tablespaces);
	json_object_set_new(value, "damage", damage);
	return value;
}

void
base_report_made(const Manifest *manifest, double seconds, bool json)
{
	const ManifestTotals *totals = &manifest->totals;
	const ManifestCluster *cluster = &manifest->cluster;
	char stop[WAL_POSITION_SIZE];

	if (json)
	{
		json_t *value = base_report_json(manifest);

		json_object_set_new(value, "kind", json_string("cluster"));
		json_object_set_new(value, "backup", json_text(manifest->id));
		json_object_set_new(value, "type", json_text(manifest->type));
		json_object_set_new(value, "seconds", json_seconds(seconds));
		json_object_set_new(value, "raw_bytes", json_count(totals->raw_bytes));
		json_object_set_new(value, "stored_bytes", json_count(totals->stored_bytes));
		json_object_set_new(value, "new_bytes", json_count(totals->new_bytes));
		json_object_set_new(value, "objects", json_count(totals->objects));
		output_json(value);
		return;
	}
	wal_lsn_print(cluster->stop, stop);
	show_text("base backup %s: %s, %s stored as %s (%s new) in %s; consistent from %s on\n",
			  manifest->id, pretty_number_of(cluster->files, "file"),
			  pretty_bytes(totals->raw_bytes), pretty_bytes(totals->stored_bytes),
			  pretty_bytes(totals->new_bytes), pretty_duration(seconds), stop);
}

static void
print_info(const BackupSummary *summary, const Manifest *manifest)
{
	const ManifestCluster *cluster = &manifest->cluster;
	const ManifestTotals *totals = &manifest->totals;
	char start[WAL_POSITION_SIZE];
	char stop[WAL_POSITION_SIZE];
	char verified[64];
	uint32_t i;
	int w;

	wal_lsn_print(cluster->start, start);
	wal_lsn_print(cluster->stop, stop);
	verification_text(summary, verified, sizeof(verified));
	show_text("Backup       base %s (%s)\n", manifest->id, summary->type);
	show_text("Snapshot     %s, took %s\n", manifest->snapshot_at,
			  pretty_duration(summary->seconds));
	show_text("Server       PostgreSQL %s, system identifier %s\n", manifest->server.version,
			  manifest->server.system_identifier);
	show_text("WAL          from %s to %s on timeline %u\n", start, stop, cluster->timeline);
	show_text("Files        %s, %s, stored as %s in %s\n", pretty_number_of(cluster->files, "file"),
			  pretty_bytes(totals->raw_bytes), pretty_bytes(totals->stored_bytes),
			  pretty_number_of(totals->objects, "object"));
	show_text("Checksums    %s\n",
			  !cluster->checksums ? "off, so pages could not be checked"
			  : cluster->damaged == 0
				  ? "all pages are good"
				  : pretty_number_of(cluster->damaged, "page is damaged: damaged page"));
	for (i = 0; i < cluster->ndamage; i++)
		show_text("             block %u of \"%s\"\n", cluster->damage[i].block,
				  cluster->damage[i].path);
	if (!cluster->complete)
		show_text("Settings     postgresql.conf is not in the data directory, so not in here\n");
	for (i = 0; i < cluster->ntablespaces; i++)
		show_text("Tablespace   %u in \"%s\"\n", cluster->tablespaces[i].oid,
				  cluster->tablespaces[i].path);
	if (manifest->locked)
		show_text("Encrypted    its key is not at hand, so tablespaces are not shown\n");
	show_text("Verified     %s\n", verified);
	for (w = 0; w < manifest->nwarnings; w++)
		show_text("Warning      %s\n", manifest->warnings[w]);
}

void
base_report_info(Repository *repository, const BackupName *name, const Manifest *manifest,
				 bool json)
{
	BackupSummary summary;

	summary_of_manifest(repository, name, manifest, &summary);
	if (json)
	{
		json_t *value = summary_json(&summary);
		json_t *cluster = base_report_json(manifest);

		json_object_set_new(value, "repository", repository_json(repository));
		json_object_update_missing(value, cluster);
		json_decref(cluster);
		output_json(value);
	}
	else
		print_info(&summary, manifest);
	summary_free(&summary);
}
