/*-------------------------------------------------------------------------
 *
 * server_identity.c
 *	  Is it the same server?
 *
 *-------------------------------------------------------------------------
 */
#include "server_identity.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "backup_list.h"
#include "backups.h"
#include "choose.h"
#include "file_names.h"
#include "log.h"
#include "memory.h"
#include "printable.h"
#include "quote.h"
#include "resolve.h"
#include "server_record.h"
#include "utc_time.h"
#include "wal_position.h"

/* ---- what the manifests say ---- */

/* The identifier in a backup's manifest; NULL if unknown.  Caller frees. */
static char *
identifier_of(Repository *repository, const BackupName *name)
{
	char *error = NULL;
	Manifest *manifest = repository_manifest_try(repository, name, &error);
	char *identifier = manifest != NULL ? xstrdup(manifest->server.system_identifier) : NULL;

	manifest_free(manifest);
	free(error);
	return identifier;
}

/* Does it agree with what is known so far?  Keeps the first that does not. */
static bool
agrees(const char *identifier, const char *found, const BackupName *name, char **other,
	   BackupName *where)
{
	if (found != NULL && strcmp(found, identifier) == 0)
		return true;
	if (found != NULL && *other == NULL)
	{
		*other = xstrdup(found);
		*where = *name;
	}
	return false;
}

/* The identifier of the latest backup of an owner, whose backups these are. */
static char *
latest_identifier(Repository *repository, const BackupName *names, int count, BackupName *name)
{
	const BackupName *latest = repository_choose_quietly(repository, names, count);

	if (latest == NULL)
		return NULL;
	*name = *latest;
	return identifier_of(repository, latest);
}

/* Is the latest backup of any of these owners of this server?  *other: that of one that is not. */
static bool
compare_latest(Repository *repository, const BackupName *names, int count, const char *identifier,
			   char **other, BackupName *where)
{
	bool same = false;
	int next;
	int i;

	for (i = 0; i < count && !same; i = next)
	{
		BackupName name;
		char *found;

		for (next = i + 1; next < count && backup_same_owner(&names[next], &names[i]);)
			next++;
		found = latest_identifier(repository, names + i, next - i, &name);
		same = agrees(identifier, found, &name, other, where);
		free(found);
	}
	return same;
}

/* The first backup of a label is of a server that has another label already. */
static void
warn_of_other_label(Repository *repository, const Owner *owner, const char *identifier)
{
	BackupName *names = NULL;
	int count = 0;
	int next;
	int i;

	if (!repository_list(repository, NULL, &names, &count))
		return;
	for (i = 0; i < count; i = next)
	{
		char *other = NULL;
		BackupName where;

		for (next = i + 1;
			 next < count && strcmp(names[next].owner.server, names[i].owner.server) == 0 &&
			 owner_has_server(&names[next].owner) == owner_has_server(&names[i].owner);)
			next++;
		if (owner_has_server(&names[i].owner) &&
			compare_latest(repository, names + i, next - i, identifier, &other, &where))
		{
			log_warning_hint("If that was not meant, set --server, or \"server\" in the settings "
							 "file, as before, and remove this backup.",
							 "this is the first backup of server \"%s\", but the repository has "
							 "backups of this server under the name \"%s\"",
							 owner_server(owner), owner_server(&names[i].owner));
			next = count;
		}
		free(other);
	}
	free(names);
}

/*
 * Are the backups of the label of this server?  *other receives the identifier of another one,
 * and *where the backup that has it; NULL if all that are known agree.
 *
 * The latest backup of the owner tells.  Where there is none, any other database of the
 * label does: a repository of an earlier version may hold several servers in peace,
 * as long as no database is of two.
 */
static bool
compare_with_backups(Repository *repository, const Owner *owner, const char *identifier,
					 const Manifest *previous, char **other, BackupName *where)
{
	BackupName *names = NULL;
	bool same = false;
	int count = 0;

	*other = NULL;
	if (previous != NULL && previous->server.system_identifier != NULL)
	{
		memset(where, 0, sizeof(*where));
		where->owner = *owner;
		memcpy(where->id, previous->id, sizeof(where->id));
		agrees(identifier, previous->server.system_identifier, where, other, where);
		return true;
	}
	if (!repository_list_readable(repository, owner, &names, &count))
		return false;
	same = compare_latest(repository, names, count, identifier, other, where);
	free(names);
	if (same || *other != NULL)
		return true;
	if (!repository_list_server(repository, owner_server(owner), &names, &count))
		return false;
	same = compare_latest(repository, names, count, identifier, other, where);
	free(names);
	if (count == 0)
		warn_of_other_label(repository, owner, identifier);
	if (same)
	{
		free(*other);
		*other = NULL;
	}
	return true;
}

/* ---- the verdict ---- */

static bool
refuse(const Repository *repository, const Owner *owner, const char *detail)
{
	return report_error(
		EXIT_FAILED, detail,
		"If this is another server, back it up under another name with --server=NAME. If it "
		"is the same after pg_upgrade or after it was rebuilt, use --same-server once.",
		"the backups of server \"%s\" in repository \"%s\" are of another server",
		owner_server(owner), repository->storage->location);
}

static bool
refuse_backups(const Repository *repository, const Owner *owner, const char *identifier,
			   const char *other, const BackupName *where)
{
	char *name = owner_name(&where->owner);
	char *shown = printable_name(owner_is_globals(&where->owner) ? "globals" : name);
	char *detail = xasprintf("Backup %s/%s has system identifier %s, this server has %s.", shown,
							 where->id, other, identifier);

	refuse(repository, owner, detail);
	free(detail);
	free(shown);
	free(name);
	return false;
}

static bool
refuse_record(const Repository *repository, const Owner *owner, const char *identifier,
			  const char *recorded)
{
	char *detail = xasprintf("By servers/%s/%s it has system identifier %s, this server has %s.",
							 owner_server(owner), SERVER_FILE, recorded, identifier);

	refuse(repository, owner, detail);
	free(detail);
	return false;
}

static bool
check_known(Repository *repository, const Owner *owner, const char *identifier,
			const Manifest *previous, bool same_server)
{
	const char *recorded;
	char *other = NULL;
	BackupName where;
	json_t *record;
	bool good;

	if (!server_record_read(repository, owner->server, &record))
		return false;
	recorded = server_record_identifier(record);
	if (recorded != NULL && strcmp(recorded, identifier) == 0)
	{
		json_decref(record);
		return true;
	}
	if (recorded != NULL && !same_server)
	{
		refuse_record(repository, owner, identifier, recorded);
		json_decref(record);
		return false;
	}
	if (recorded == NULL &&
		!compare_with_backups(repository, owner, identifier, previous, &other, &where))
	{
		json_decref(record);
		return false;
	}
	if (recorded == NULL && other == NULL)
		good = true;
	else if (same_server)
		good = server_record_write(repository, owner->server, record, other, identifier);
	else
		good = refuse_backups(repository, owner, identifier, other, &where);
	json_decref(record);
	free(other);
	return good;
}

/* ---- copies, which have the same identifier ---- */

static bool
refuse_step_back(const Repository *repository, const Manifest *manifest, const Manifest *latest)
{
	static const char of_copy[] =
		"If either is a copy of the other, back the copy up under another name with "
		"--server=NAME; backups that it made under this name are not those of this "
		"server. If this server was set back to an earlier state, use --same-server once.";
	static const char of_standby[] =
		"Wait until the standby has replayed what its primary has written, or back up the "
		"primary. A standby that is to stay behind can be backed up under another name with "
		"--server=NAME. If the primary was set back to an earlier state, use --same-server once.";
	static const char of_timeline[] =
		"If the standby follows the new primary already, try again in some minutes, or make the "
		"role a member of pg_read_all_stats: to others the timeline shows only after a checkpoint. "
		"Otherwise let it follow, or back up the primary.";
	const ManifestServer *now = &manifest->server;
	const char *hint = !now->in_recovery                         ? of_copy
					   : now->timeline < latest->server.timeline ? of_timeline
																 : of_standby;
	char *label = manifest_label(latest);
	char *shown = printable_name(label);
	char *detail = xasprintf("The server is at %s of timeline %d, and was at %s of timeline %d.",
							 manifest->server.lsn, manifest->server.timeline, latest->server.lsn,
							 latest->server.timeline);

	report_error(
		EXIT_FAILED, detail, hint,
		"the latest backup in repository \"%s\", %s, is of a later state than that of this "
		"server",
		repository->storage->location, shown);
	free(detail);
	free(shown);
	free(label);
	return false;
}

static void
warn_of_copy(const Manifest *latest, const char *what)
{
	char *label = manifest_label(latest);
	char *shown = printable_name(label);

	log_warning_hint("If this server, or that of the latest backup, is a copy of the other, back "
					 "the copy up under another name with --server=NAME.",
					 "%s (the latest backup is %s)", what, shown);
	free(shown);
	free(label);
}

/*
 * Was this server started before that of the latest backup was, which has made that meanwhile?
 * A start that is yet to come was dated by a clock that has been corrected since, and says nothing.
 */
static bool
started_before(const ManifestServer *server, const ManifestServer *latest)
{
	double now;
	double then;

	return server->running_since != NULL && latest->running_since != NULL && !server->in_recovery &&
		   !latest->in_recovery && utc_time_parse(server->running_since, &now) &&
		   utc_time_parse(latest->running_since, &then) && now < then - 1 &&
		   then <= (double) (time(NULL) + CLOCK_TOLERANCE);
}

static bool
compare_histories(const Repository *repository, const Manifest *manifest, const Manifest *latest)
{
	WalPosition now;
	WalPosition then;

	wal_position_of(&manifest->server, &now);
	wal_position_of(&latest->server, &then);
	if (!now.known || !then.known || strcmp(now.server, then.server) != 0)
		return true;
	if (wal_position_lacks(&now, &then))
		return refuse_step_back(repository, manifest, latest);
	if (now.history != then.history) /* a person has just confirmed it */
		return true;
	if (started_before(&manifest->server, &latest->server))
		warn_of_copy(latest, "this server has been running for longer than the one that was backed "
							 "up last, so there may be two");
	else if (now.timeline != then.timeline)
		warn_of_copy(latest, "the server has begun a new timeline, by a failover or a recovery");
	return true;
}

static bool
is_later(const Manifest *manifest, const Manifest *other)
{
	WalPosition a;
	WalPosition b;

	wal_position_of(&manifest->server, &a);
	wal_position_of(&other->server, &b);
	return manifest->server.history > other->server.history || wal_position_compare(&a, &b) > 0;
}

/*
 * The manifest of the latest backup; where that is damaged, of the one with the latest position.
 * NULL if there is none that can be read.
 */
static Manifest *
find_latest(Repository *repository, const Owner *owner)
{
	BackupName *names = NULL;
	Manifest *latest = NULL;
	char *error = NULL;
	BackupName name;
	int count = 0;
	int i;

	if (repository_latest(repository, owner, &name))
		latest = repository_manifest_try(repository, &name, &error);
	free(error);
	if (latest != NULL || !repository_list_readable(repository, owner, &names, &count))
		return latest;
	for (i = 0; i < count; i++)
	{
		Manifest *manifest;

		error = NULL;
		manifest = repository_manifest_try(repository, &names[i], &error);
		free(error);
		if (manifest != NULL && (latest == NULL || is_later(manifest, latest)))
		{
			manifest_free(latest);
			latest = manifest;
		}
		else
			manifest_free(manifest);
	}
	free(names);
	return latest;
}

static bool
check_with(Repository *repository, const Owner *owner, Manifest *manifest, const Manifest *previous,
		   const Manifest *latest, bool same_server)
{
	const char *identifier = manifest->server.system_identifier;

	if (latest != NULL)
	{
		manifest->server.history = latest->server.history;
		if (same_server && manifest->server.history < INT32_MAX)
			manifest->server.history++;
	}
	if (identifier != NULL)
		return check_known(repository, owner, identifier, previous, same_server) &&
			   (latest == NULL || compare_histories(repository, manifest, latest));
	log_warning_hint("GRANT EXECUTE ON FUNCTION pg_control_system(), pg_control_checkpoint() to "
					 "the role.",
					 "the role may not read the system identifier, so it is not known whether this "
					 "is the server that the earlier backups are of");
	return true;
}

bool
server_identity_check(Repository *repository, const Owner *owner, Manifest *manifest,
					  const Manifest *previous, bool same_server)
{
	Manifest *found = previous == NULL ? find_latest(repository, owner) : NULL;
	bool good = check_with(repository, owner, manifest, previous,
						   previous != NULL ? previous : found, same_server);

	manifest_free(found);
	return good;
}
