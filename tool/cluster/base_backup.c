/*-------------------------------------------------------------------------
 *
 * base_backup.c
 *	  A base backup from the first look at the server to the manifest.
 *
 * Between start and stop the files are copied while they change; the WAL of
 * that time makes a whole of them.  So the backup is published only when that
 * WAL is in the archive, too.
 *
 *-------------------------------------------------------------------------
 */
#include "base_backup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backup_settings.h"
#include "backup_warning.h"
#include "base_archive.h"
#include "base_reader.h"
#include "cluster_settings.h"
#include "draft.h"
#include "interrupt.h"
#include "log.h"
#include "maintenance.h"
#include "memory.h"
#include "progress.h"
#include "repository_features.h"
#include "settings.h"
#include "work_settings.h"

typedef struct BaseBackup
{
	const Settings *settings;
	Repository *repository;
	ConnectionTarget *target;
	BaseServer server;
	BackupDraft *draft;
	Manifest *manifest; /* of the draft */
	BaseTree tree;
	BasePlan plan;
	DigestHex *ids; /* of the packs, and of pg_control */
	NewerPages newer;
} BaseBackup;

/* Connect, look at the server, and begin the draft. */
static bool
begin(BaseBackup *backup)
{
	const Settings *settings = backup->settings;

	progress_phase("connecting", "", 0, 0);
	backup->draft = draft_create(backup->repository, BACKUP_OF_CLUSTER, NULL, settings->backup);
	if (backup->draft == NULL)
		return false;
	backup->manifest = draft_manifest(backup->draft);
	backup->server.connection = connection_open_maintenance(settings, &backup->target);
	return backup->server.connection != NULL &&
		   base_server_look(&backup->server, backup->manifest) &&
		   base_archive_check(&backup->server, backup->repository, backup->manifest) &&
		   draft_begin(backup->draft, NULL, NULL);
}

/*
 * What the server's user puts there could lead root anywhere, so root does not
 * read it.
 */
static bool
open_directory(BaseBackup *backup)
{
	const char *path = backup->server.data_directory;
	struct stat status;

	backup->tree.directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (backup->tree.directory < 0 || fstat(backup->tree.directory, &status) != 0)
		return report_error(EXIT_FAILED, NULL,
							"A base backup is made on the machine of the server, by the user that "
							"the server runs as.",
							"could not open data directory \"%s\": %s", path, strerror(errno));
	if (geteuid() == 0 && status.st_uid != 0)
		return report_error(EXIT_USAGE, NULL, "Run it as the user that the server runs as.",
							"base backups are not made by root");
	return true;
}

/* Have the server begin, and list its files. */
static bool
start(BaseBackup *backup)
{
	bool fast = backup->settings->cluster->checkpoint == CHECKPOINT_FAST;
	Manifest *manifest = backup->manifest;
	uint64_t i;

	progress_phase(fast ? "waiting for a checkpoint"
						: "waiting for a checkpoint, which is spread over minutes",
				   "", 0, 0);
	if (!fast)
		log_info("waiting for a checkpoint of the server; --checkpoint=fast does not spread it");
	if (!base_server_is_here(&backup->server, backup->tree.directory, manifest) ||
		!base_server_start(&backup->server, manifest, fast) ||
		!base_tree_read(backup->server.data_directory, manifest, &backup->tree))
		return false;
	for (i = 0; i < backup->tree.count; i++)
		manifest->cluster.files += backup->tree.files[i].type == MAP_FILE;
	manifest->cluster.complete = backup->tree.has_configuration;
	base_plan_make(&backup->tree, &backup->plan);
	backup->ids = xcalloc(backup->plan.npacks + 1, sizeof(DigestHex));
	return true;
}

/* Read all files into objects. */
static bool
read_files(BaseBackup *backup)
{
	const ManifestCluster *cluster = &backup->manifest->cluster;
	int jobs = backup->settings->work->jobs;
	BaseReading reading = {.tree = &backup->tree,
						   .plan = &backup->plan,
						   .rules = {cluster->block_size, cluster->start, cluster->checksums},
						   .relation_blocks = backup->server.relation_blocks,
						   .rate = (uint64_t) backup->settings->cluster->rate * 1024 * 1024,
						   .manifest = backup->manifest,
						   .newer = &backup->newer};

	progress_phase("reading files", "parts", backup->plan.npacks, backup->tree.bytes);
	reading.pipeline = draft_stream(backup->draft, jobs, 2 * jobs + 1);
	if (reading.pipeline == NULL || !base_read(&reading, jobs))
		return false;
	pipeline_ids(reading.pipeline, backup->ids, backup->plan.npacks);
	return true;
}

/* pg_control is read when all else is there, so that it is the newest file. */
static bool
read_control(BaseBackup *backup)
{
	Buffer content;
	size_t i;
	bool good;

	buffer_init(&content);
	good = base_read_control(&backup->tree, &content) &&
		   draft_put_known(backup->draft, MEMBER_PAGES, content.data, content.length,
						   backup->ids[backup->plan.npacks]);
	for (i = 0; i < backup->tree.count; i++)
	{
		if (strcmp(backup->tree.files[i].path, "global/pg_control") == 0)
			backup->tree.files[i].bytes = backup->tree.files[i].there = content.length;
	}
	buffer_free(&content);
	return good;
}

static bool
put_map(void *argument, const Buffer *map)
{
	BaseBackup *backup = argument;

	return draft_put(backup->draft, MEMBER_FILE_MAP, map->data, map->length);
}

/* The server is not to be kept in backup mode for as long as the rest takes. */
static bool
stop(BaseBackup *backup)
{
	progress_phase("ending the backup on the server", "", 0, 0);
	if (!base_server_stop(&backup->server, backup->manifest))
		return false;
	base_read_judge(&backup->tree, &backup->newer, backup->manifest);
	return base_plan_write_maps(&backup->tree, &backup->plan, backup->ids, put_map, backup);
}

/* The backup is there, and has them; but nobody should learn of it by a restore. */
static void
report_damage(const Manifest *manifest)
{
	const ManifestCluster *cluster = &manifest->cluster;
	const ManifestDamage *first = &cluster->damage[0];
	char *detail;

	if (cluster->damaged == 0)
		return;
	detail = xasprintf("The first is block %u of file \"%s\".", first->block, first->path);
	report_error(EXIT_INTEGRITY, detail,
				 "The backup has them as they are.  An older base backup may have them undamaged: "
				 "keep it, and look at the disk of the server.",
				 "%llu pages of the server are damaged: their checksums are wrong",
				 (unsigned long long) cluster->damaged);
	free(detail);
}

Manifest *
base_backup(const Settings *settings, Repository *repository)
{
	BaseBackup backup = {.settings = settings, .repository = repository, .tree.directory = -1};
	Manifest *manifest = NULL;

	/* Versions that do not know base backups would take their objects for leftovers. */
	if (begin(&backup) && open_directory(&backup) &&
		repository_add_feature(repository, FEATURE_CLUSTER) && start(&backup) &&
		read_files(&backup) && read_control(&backup) && stop(&backup) &&
		base_archive_wait(&backup.server, repository, backup.manifest,
						  settings->cluster->archive_wait))
	{
		if (backup.manifest->cluster.damaged > 0)
			backup_warning_keep(backup.manifest, "pages of the server are damaged");
		manifest = draft_publish(backup.draft, settings->work->jobs);
		if (manifest != NULL)
			report_damage(manifest);
	}
	draft_end(backup.draft);
	base_server_free(&backup.server);
	target_free(backup.target);
	base_plan_free(&backup.plan);
	base_tree_free(&backup.tree);
	free(backup.ids);
	free(backup.newer.items);
	return manifest;
}
