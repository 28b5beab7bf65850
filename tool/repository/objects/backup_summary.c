/*-------------------------------------------------------------------------
 *
 * backup_summary.c
 *	  What there is to say of a backup, without its members.
 *
 *-------------------------------------------------------------------------
 */
#include "backup_summary.h"

#include <stdlib.h>
#include <string.h>

#include "backup_list.h"
#include "backups.h"
#include "bad_objects.h"
#include "log.h"
#include "memory.h"
#include "nearest.h"
#include "quote.h"
#include "utc_time.h"
#include "verification.h"

/* The name of its owner, as people read it; caller frees. */
static char *
printable_owner(const BackupName *name)
{
	char *full = owner_name(&name->owner);
	char *shown = printable_name(full);

	free(full);
	return shown;
}

char *
backup_owner(const BackupName *name)
{
	char *database = printable_owner(name);
	char *owner = name->owner.kind == BACKUP_OF_FILES ? xasprintf("files of set \"%s\"", database)
				  : name->owner.kind == BACKUP_OF_CLUSTER ? xasprintf("cluster %s", database)
				  : !backup_is_of_globals(name)           ? xasprintf("database \"%s\"", database)
				  : name->owner.server[0] != '\0'
					  ? xasprintf("globals of server \"%s\"", name->owner.server)
					  : xstrdup("globals");

	free(database);
	return owner;
}

char *
backup_label(const BackupName *name)
{
	char *database = printable_owner(name);
	char *label =
		name->owner.kind == BACKUP_OF_FILES     ? xasprintf("config %s/%s", database, name->id)
		: name->owner.kind == BACKUP_OF_CLUSTER ? xasprintf("base %s/%s", database, name->id)
		: !backup_is_of_globals(name)           ? xasprintf("%s/%s", database, name->id)
		: name->owner.server[0] != '\0' ? xasprintf("globals %s@/%s", name->owner.server, name->id)
										: xasprintf("globals %s", name->id);

	free(database);
	return label;
}

static void
load_verification(Repository *repository, const BackupName *name, BackupSummary *summary)
{
	memset(&summary->verification, 0, sizeof(summary->verification));
	summary->verification_damaged =
		!repository_verification(repository, name, &summary->verification);
}

bool
made_by_old_tool(const char *tool)
{
	return tool != NULL && (strncmp(tool, "0.1.", 4) == 0 || strncmp(tool, "0.2.0", 5) == 0);
}

void
summary_of_manifest(Repository *repository, const BackupName *name, const Manifest *manifest,
					BackupSummary *summary)
{
	double started = utc_time_read(manifest->started);
	double finished = utc_time_read(manifest->finished);

	memset(summary, 0, sizeof(*summary));
	summary->name = *name;
	summary->type = xstrdup(manifest->type);
	summary->snapshot_at = xstrdup(manifest->snapshot_at);
	summary->seconds = finished > started ? finished - started : 0;
	summary->codec = manifest->codec == CODEC_NONE
						 ? xstrdup("none")
						 : xasprintf("%s:%d", codec_name(manifest->codec), manifest->level);
	summary->server_version = xstrdup(manifest->server.version);
	wal_position_of(&manifest->server, &summary->position);
	summary->cipher = manifest->cipher;
	summary->locked = manifest->locked;
	summary->nfiles = manifest->nfiles;
	summary->of_old_tool = made_by_old_tool(manifest->tool);
	summary->totals = manifest->totals;
	summary->damaged_pages = manifest->cluster.damaged;
	summary->nbad = bad_objects_count(repository, manifest);
	load_verification(repository, name, summary);
}

void
summary_load(Repository *repository, const BackupName *name, BackupSummary *summary)
{
	char *error = NULL;
	Manifest *manifest = repository_manifest_try(repository, name, &error);

	if (manifest != NULL)
	{
		summary_of_manifest(repository, name, manifest, summary);
		manifest_free(manifest);
		return;
	}
	memset(summary, 0, sizeof(*summary));
	summary->name = *name;
	summary->damage = error != NULL ? error : xstrdup("the manifest cannot be read");
	summary->unreadable = repository->manifest_unreadable;
	summary->removed = !summary->unreadable && repository_was_removed(repository, name);
	if (summary->removed)
		return;
	load_verification(repository, name, summary);
}

void
summary_free(BackupSummary *summary)
{
	free(summary->damage);
	free(summary->type);
	free(summary->snapshot_at);
	free(summary->codec);
	free(summary->server_version);
}

BackupProof
summary_proof(const BackupSummary *summary)
{
	const Verification *last = &summary->verification;

	if (last->known && !last->ok)
		return PROOF_FAILED;
	if (summary->nbad > 0)
		return PROOF_FOUND_DAMAGED;
	if (!last->known)
		return PROOF_NONE;
	return last->inside ? PROOF_OF_CONTENT : PROOF_OF_BYTES;
}

bool
proof_is_good(BackupProof proof)
{
	return proof == PROOF_OF_BYTES || proof == PROOF_OF_CONTENT;
}

bool
report_damaged(const BackupSummary *summary)
{
	char *label;

	if (summary->unreadable)
		return false;
	label = backup_label(&summary->name);
	report_error(EXIT_INTEGRITY, summary->damage,
				 "Its objects are kept. Bring the file back from a copy of the repository, or "
				 "remove it to give the backup up.",
				 "backup \"%s\" is damaged", label);
	free(label);
	return false;
}

/* The database whose name is most like this one; NULL if none is.  Caller frees. */
static char *
nearest_database(Repository *repository, const char *database)
{
	BackupName *names;
	const char **owners;
	char *nearest;
	int count;
	int n = 0;
	int i;

	if (!repository_list(repository, NULL, &names, &count))
		return NULL;
	owners = xcalloc((size_t) count + 1, sizeof(char *));
	for (i = 0; i < count; i++)
	{
		if (names[i].owner.kind == BACKUP_OF_DATABASE &&
			strcmp(names[i].owner.server, repository->server) == 0)
			owners[n++] = names[i].owner.name;
	}
	nearest = xstrdup(nearest_name(database, owners, n));
	free(owners);
	free(names);
	return nearest;
}

bool
report_no_backups_of(Repository *repository, const char *database)
{
	const char *slash = strrchr(database, '/');
	char *nearest = nearest_database(repository, database);
	char *shown = printable_name(database);
	char *shown_nearest = nearest != NULL ? printable_name(nearest) : NULL;
	char *hint;

	if (repository->unclear.unknown > 0)
		hint = xstrdup("Not all backups could be looked at.");
	else if (slash != NULL && backup_id_valid(slash + 1))
		hint = xstrdup("This command takes the name of a database, not that of a backup.");
	else if (nearest != NULL)
		hint = xasprintf("Perhaps you meant \"%s\".", shown_nearest);
	else
		hint = xstrdup("\"nex_backup list\" shows all backups of the repository.");
	report_error(EXIT_FAILED, NULL, hint, "there is no backup of database \"%s\" in \"%s\"", shown,
				 repository->storage->location);
	free(hint);
	free(shown);
	free(shown_nearest);
	free(nearest);
	return false;
}
