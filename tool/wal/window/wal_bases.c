/*-------------------------------------------------------------------------
 *
 * wal_bases.c
 *	  The base backups of a system, as their manifests have them.
 *
 *-------------------------------------------------------------------------
 */
#include "wal_bases.h"

#include <stdlib.h>
#include <string.h>

#include "backup_summary.h"
#include "backups.h"
#include "memory.h"
#include "utc_time.h"

uint64_t
wal_system_of(const BackupName *name)
{
	return strtoull(name->owner.name, NULL, 16);
}

/* Damaged pages, lost objects or lost WAL: nobody should rely on it. */
static bool
is_good(Repository *repository, const BackupName *name, const Manifest *manifest)
{
	BackupSummary summary;
	BackupProof proof;

	summary_of_manifest(repository, name, manifest, &summary);
	proof = summary_proof(&summary);
	summary_free(&summary);
	return manifest->cluster.damaged == 0 && proof != PROOF_FAILED && proof != PROOF_FOUND_DAMAGED;
}

static void
add(Repository *repository, const BackupName *name, int position, const Manifest *manifest,
	WalBases *bases)
{
	WalBase *base;

	bases->items = xrealloc(bases->items, (size_t) (bases->count + 1) * sizeof(WalBase));
	base = &bases->items[bases->count++];
	*base = (WalBase){.timeline = manifest->cluster.timeline,
					  .start = manifest->cluster.start,
					  .stop = manifest->cluster.stop,
					  .time = utc_time_read(manifest->snapshot_at),
					  .good = is_good(repository, name, manifest),
					  .position = position};
	memcpy(base->id, name->id, sizeof(base->id));
}

static int
compare(const void *a, const void *b)
{
	const WalBase *left = a;
	const WalBase *right = b;

	if (left->timeline != right->timeline)
		return left->timeline < right->timeline ? -1 : 1;
	return left->stop < right->stop ? -1 : left->stop > right->stop;
}

int
wal_bases_read(Repository *repository, const BackupName *names, int count,
			   uint64_t system_identifier, WalBases *bases)
{
	int unread = 0;
	int i;

	memset(bases, 0, sizeof(*bases));
	for (i = 0; i < count; i++)
	{
		Manifest *manifest;
		char *error = NULL;

		if (names[i].owner.kind != BACKUP_OF_CLUSTER ||
			wal_system_of(&names[i]) != system_identifier)
			continue;
		manifest = repository_manifest_try(repository, &names[i], &error);
		if (manifest != NULL)
			add(repository, &names[i], i, manifest, bases);
		else if (repository->manifest_unreadable || !repository_was_removed(repository, &names[i]))
			unread++;
		manifest_free(manifest);
		free(error);
	}
	if (bases->count > 0)
		qsort(bases->items, (size_t) bases->count, sizeof(WalBase), compare);
	return unread;
}
