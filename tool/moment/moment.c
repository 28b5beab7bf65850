/*-------------------------------------------------------------------------
 *
 * moment.c
 *	  A database as it was at a moment.
 *
 *-------------------------------------------------------------------------
 */
#include "moment.h"

#include <stdlib.h>
#include <string.h>

#include "interrupt.h"
#include "key_settings.h"
#include "keyring.h"
#include "libpq_environment.h"
#include "log.h"
#include "memory.h"
#include "moment_backup.h"
#include "pretty.h"
#include "recovery_settings.h"
#include "repository.h"
#include "terminal.h"
#include "wal_position.h"
#include "work_settings.h"

/* What is made besides the files of the base backup: WAL, and the backup of one database. */
#define WAL_KEPT (UINT64_C(1) << 30)
#define SPARE_SHARE 4

/* ---- looking ---- */

/*
 * The recovery would make it in the directory that it had, which is not ours, and where, on the
 * machine of the server, it is now.
 */
static bool
refuse_later_tablespaces(const ClusterRestore *restore)
{
	size_t i;

	for (i = 0; i < restore->later.count; i++)
	{
		const LaterTablespace *later = &restore->later.items[i];
		char lsn[WAL_POSITION_SIZE];
		char *detail;

		if (later->path[0] == '\0')
			continue;
		wal_lsn_print(later->lsn, lsn);
		detail = xasprintf("The WAL creates tablespace %u at %s, and no setting of PostgreSQL puts "
						   "it elsewhere.",
						   later->oid, lsn);
		report_error(
			EXIT_FAILED, detail,
			"Take a base backup that is newer, or a target before this; or restore the "
			"cluster on another machine, by \"nex_backup restore --cluster\".",
			"a private server cannot recover to this moment: a tablespace would be created "
			"in directory \"%s\"",
			later->path);
		free(detail);
		return false;
	}
	return true;
}

/* The server asks for WAL in processes of its own, which cannot read what was read here. */
static bool
check_keys(const KeySettings *keys)
{
	return (keys->passphrase_fd == NULL && !terminal_has_asked()) ||
		   report_error(EXIT_USAGE, NULL,
						"Use --passphrase-file, --passphrase-command, or a key without a "
						"passphrase.",
						"a private server cannot ask for the passphrase, nor read it from a "
						"descriptor");
}

bool
moment_plan(Moment *moment, const Settings *settings, Repository *repository)
{
	MomentSettings *own = &moment->own;
	const Manifest *base;

	memset(moment, 0, sizeof(*moment));
	moment->settings = settings;
	moment->repository = repository;
	moment->restore.target.directory = -1;
	own->cluster = *settings->cluster;
	own->cluster.action = ACTION_PROMOTE;
	own->cluster.data_dir = NULL;
	own->restore = *settings->restore;
	memset(&own->restore.tablespace_mappings, 0, sizeof(TextList));
	own->of_cluster = *settings;
	own->of_cluster.cluster = &own->cluster;
	own->of_cluster.restore = &own->restore;
	if (!private_server_begin(&moment->server) ||
		!cluster_restore_look(&moment->restore, &own->of_cluster, repository,
							  settings->cluster->base))
		return false;
	base = moment->restore.plan.base;
	return check_keys(settings->keys) && refuse_later_tablespaces(&moment->restore) &&
		   private_server_look(&moment->server, settings->work->pg_bindir,
							   base->server.version_num);
}

/* ---- making ---- */

/* So much is needed where the private server is. */
static uint64_t
bytes_needed(const ClusterRestore *restore)
{
	const RecoveryPlan *plan = &restore->plan;
	uint64_t wal =
		(plan->last_segment - plan->path.first + 1) * plan->inventory.system.segment_size;

	return restore->content.bytes + restore->content.bytes / SPARE_SHARE +
		   (wal < WAL_KEPT ? wal : WAL_KEPT);
}

/* Where the files go: tablespaces beside the data directory, whatever is mapped for others. */
static void
place_files(Moment *moment)
{
	const ManifestCluster *cluster = &moment->restore.plan.base->cluster;
	TextList *mappings = &moment->own.restore.tablespace_mappings;
	uint32_t i;

	mappings->items = xcalloc(cluster->ntablespaces + 1, sizeof(char *));
	for (i = 0; i < cluster->ntablespaces; i++)
		mappings->items[mappings->count++] =
			xasprintf("%s=%s/tablespaces/%u", cluster->tablespaces[i].path,
					  moment->server.directory.path, cluster->tablespaces[i].oid);
	moment->restore.target.path = moment->server.data;
	moment->restore.target.thrown_away = true;
}

static bool
recover(Moment *moment)
{
	const RecoveryPlan *plan = &moment->restore.plan;
	Buffer settings;
	bool good;

	buffer_init(&settings);
	recovery_settings_write(&moment->own.of_cluster, plan, moment->restore.command, &settings);
	good = private_server_recover(&moment->server, &settings,
								  plan->last_segment - plan->path.first + 1);
	buffer_free(&settings);
	return good;
}

/* What is read and written from now on is in a repository without keys, on files that are ours. */
static void
forget_keys(const Settings *settings)
{
	static KeySettings none;

	none.state_dir = settings->keys->state_dir;
	keyring_free();
	(void) keyring_load(&none);
}

bool
moment_make(Moment *moment, const char *database)
{
	const Settings *settings = moment->settings;
	const char *base = private_directory_base(settings->cluster->work_dir);
	uint64_t bytes = bytes_needed(&moment->restore);
	LibpqEnvironment environment;
	bool good;

	log_info(
		"a private server is made in \"%s\", which takes about %s there until the restore ends",
		base, pretty_bytes(bytes));
	if (!private_server_make(&moment->server, base) ||
		!data_directory_has_space(moment->server.directory.path, bytes))
		return false;
	place_files(moment);
	if (!cluster_restore_check(&moment->restore) || !cluster_restore_execute(&moment->restore) ||
		!recover(moment))
		return false;
	forget_keys(settings);
	libpq_environment_hide(&environment);
	good = private_server_start(&moment->server, moment_backup_sessions(settings)) &&
		   moment_backup(moment, database);
	libpq_environment_show(&environment);
	private_server_discard(&moment->server);
	return good && !stop_requested();
}

void
moment_end(Moment *moment)
{
	TextList *mappings = &moment->own.restore.tablespace_mappings;
	int i;

	repository_close(moment->copy);
	moment->copy = NULL;
	free(moment->backup);
	cluster_restore_free(&moment->restore);
	private_server_end(&moment->server);
	for (i = 0; i < mappings->count; i++)
		free(mappings->items[i]);
	free(mappings->items);
}
