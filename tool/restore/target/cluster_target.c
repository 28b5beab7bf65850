/*-------------------------------------------------------------------------
 *
 * cluster_target.c
 *	  Which backups a restore of everything takes, and whether the server has
 *	  room for them.
 *
 *-------------------------------------------------------------------------
 */
#include "cluster_target.h"

#include <stdlib.h>
#include <string.h>

#include "backup_list.h"
#include "backup_settings.h"
#include "backups.h"
#include "choose.h"
#include "database_state.h"
#include "interrupt.h"
#include "left_database.h"
#include "log.h"
#include "maintenance.h"
#include "memory.h"
#include "name_pattern.h"
#include "quote.h"
#include "restore_settings.h"
#include "settings.h"
#include "unclear.h"
#include "utc_time.h"

/* Leave this database out? */
static bool
is_excluded(const Settings *settings, const char *name)
{
	int i;

	for (i = 0; i < settings->backup->exclude_databases.count; i++)
	{
		if (name_matches(settings->backup->exclude_databases.items[i], name))
			return true;
	}
	return false;
}

/* Take one of these backups, which have the same owner. */
static void
add_database(ClusterTarget *target, const Settings *settings, Repository *repository,
			 const BackupName *names, int count, const double *at)
{
	bool globals = backup_is_of_globals(&names[0]);
	const BackupName *chosen;
	ClusterTargetItem *item;

	/* Files go to directories, not into a cluster: "config restore", "restore --cluster". */
	if (!owner_has_server(&names[0].owner) ||
		strcmp(names[0].owner.server, repository->server) != 0 ||
		(!globals && is_excluded(settings, names[0].owner.name)))
		return;
	chosen = repository_choose(repository, names, count, at);
	if (globals)
		target->globals = chosen;
	else if (chosen != NULL)
	{
		item = &target->items[target->count++];
		item->backup = *chosen;
		item->printable = printable_name(chosen->owner.name);
	}
}

/* Choose the backups. */
static bool
choose_backups(ClusterTarget *target, const Settings *settings, Repository *repository)
{
	char asked[UTC_TIME_SIZE];
	double at = 0;
	int count = 0;
	int first = 0;

	if (settings->restore->at != NULL && !utc_time_parse(settings->restore->at, &at))
		return false;
	if (!repository_list(repository, NULL, &target->names, &count))
		return false;
	utc_time_text(at, asked);
	if (settings->restore->at != NULL)
		log_info("of each database the latest backup at or before %s is taken", asked);
	target->items = xcalloc((size_t) count + 1, sizeof(ClusterTargetItem));
	while (first < count)
	{
		const BackupName *names = &target->names[first];
		int next = first + 1;

		while (next < count && backup_same_owner(&target->names[next], names))
			next++;
		add_database(target, settings, repository, names, next - first,
					 settings->restore->at != NULL ? &at : NULL);
		first = next;
	}

	/* A whole cluster without the databases that could not be found is none. */
	if (!unclear_report_hint(
			repository, "The warnings above say what helps; \"nex_backup restore DB\" restores "
						"one of the databases that are known."))
		return false;
	return target->count > 0 ||
		   report_error(EXIT_FAILED, NULL,
						"\"nex_backup list\" shows the backups that there are; --server=NAME "
						"restores those of another server.",
						"there is no backup of a database of server \"%s\" to restore in \"%s\"",
						repository->server[0] != '\0' ? repository->server : MAIN_SERVER,
						repository->storage->location);
}

/* What is damaged is left to its own turn, which says so. */
static void
read_manifests(ClusterTarget *target, Repository *repository)
{
	int i;

	for (i = 0; i < target->count && !stop_requested(); i++)
	{
		ClusterTargetItem *item = &target->items[i];
		char *error = NULL;

		item->manifest = repository_manifest_try(repository, &item->backup, &error);
		free(error);
	}
}

/* Databases in the way, as text; false (reported) if that cannot be found out. */
static bool
find_occupied(const ClusterTarget *target, Repository *repository, Connection *connection,
			  const ConnectionTarget *server, Buffer *occupied)
{
	int i;

	for (i = 0; i < target->count; i++)
	{
		const ClusterTargetItem *item = &target->items[i];
		bool exists;
		bool empty = true;
		LeftBy left = LEFT_BY_OTHERS;

		if (!target_database_exists(connection, item->backup.owner.name, &exists) ||
			(exists &&
			 !left_database_look(&(LeftWhere){connection, server, repository, &item->backup},
								 item->backup.owner.name, &left)) ||
			(exists && left != LEFT_UNMARKED &&
			 (!target_database_accepts(connection, item->backup.owner.name) ||
			  !target_database_is_empty(server, item->backup.owner.name, &empty))))
			return false;

		/* What a restore that was killed has left, its turn replaces. */
		if (!empty && left != LEFT_MADE && left != LEFT_TAKEN)
			buffer_printf(occupied, "%s\"%s\"", occupied->length > 0 ? ", " : "", item->printable);
	}
	return true;
}

bool
cluster_target_plan(ClusterTarget *target, const Settings *settings, Repository *repository)
{
	ConnectionTarget *server = NULL;
	Connection *connection;
	Buffer occupied;
	bool good;

	memset(target, 0, sizeof(*target));
	if (!choose_backups(target, settings, repository))
		return false;
	read_manifests(target, repository);
	buffer_init(&occupied);
	connection = connection_open_maintenance(settings, &server);
	good = connection != NULL && find_occupied(target, repository, connection, server, &occupied);
	if (good && occupied.length > 0)
	{
		buffer_append_char(&occupied, '.');
		good = report_error(EXIT_FAILED, occupied.data,
							"--all is for a new cluster.  Leave them out with --exclude-database, "
							"or restore them one by one with --to or --drop.",
							"databases exist and are not empty");
	}
	buffer_free(&occupied);
	connection_close(connection);
	target_free(server);
	return good;
}

void
cluster_target_free(ClusterTarget *target)
{
	int i;

	for (i = 0; i < target->count; i++)
	{
		free(target->items[i].printable);
		manifest_free(target->items[i].manifest);
	}
	free(target->items);
	free(target->names);
	memset(target, 0, sizeof(*target));
}
