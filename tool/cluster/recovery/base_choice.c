/*-------------------------------------------------------------------------
 *
 * base_choice.c
 *	  To which timeline a recovery goes, and which base backups lead there.
 *
 * Manifests are read from the newest on, and only as far as it takes.
 *
 *-------------------------------------------------------------------------
 */
#include "base_choice.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "backups.h"
#include "log.h"
#include "memory.h"
#include "wal_pack.h"
#include "wal_position.h"

#define LOOK_HINT "\"nex_backup wal list\" and \"nex_backup base list\" show what there is."

static const BasePlace *
place_of(BaseChoice *choice, int i)
{
	BasePlace *place = &choice->places[i];
	Manifest *base;
	char *error;

	if (place->is_read)
		return place;
	place->is_read = true;
	base = repository_manifest_try(choice->repository, &choice->names[i], &error);
	place->damaged = base == NULL;
	place->unread = base == NULL && choice->repository->manifest_unreadable;
	if (base != NULL)
	{
		place->timeline = base->cluster.timeline;
		place->stop = base->cluster.stop;
	}
	else if (choice->count > 1)
		log_warning("base backup %s is passed over: %s", choice->names[i].id, error);
	manifest_free(base);
	free(error);
	return place;
}

/* Where was the timeline of a base backup left on the way to another one?  False: it was not. */
static bool
was_left(const BaseChoice *choice, uint32_t timeline, const BasePlace *place, uint64_t *end)
{
	const WalHistory *history = wal_inventory_history(choice->inventory, timeline);

	return history != NULL && wal_history_find(history, place->timeline, end);
}

static bool
leads_to(BaseChoice *choice, int i, uint32_t timeline)
{
	const BasePlace *place = place_of(choice, i);
	uint64_t end;

	if (place->damaged)
		return false;
	return place->timeline == timeline ||
		   (was_left(choice, timeline, place, &end) && end >= place->stop);
}

static bool
any_leads_to(BaseChoice *choice, uint32_t timeline)
{
	int i = choice->count - 1;

	while (i >= 0 && !leads_to(choice, i, timeline))
		i--;
	return i >= 0;
}

/* The newest timeline before another one (0: of all) whose history is known. */
static uint32_t
timeline_before(const WalInventory *inventory, uint32_t other)
{
	uint32_t newest = other != 1 ? 1 : 0;
	size_t i;

	for (i = 0; i < inventory->nhistories; i++)
	{
		uint32_t timeline = inventory->histories[i].timeline;

		if (timeline > newest && (other == 0 || timeline < other))
			newest = timeline;
	}
	return newest;
}

/* A file of the newest timeline that has files, but no history that could be read; NULL: none. */
static const WalFile *
without_history(const WalInventory *inventory)
{
	const WalFile *newest = NULL;
	size_t i;

	for (i = 0; i < inventory->listing.count; i++)
	{
		const WalFile *file = &inventory->listing.files[i];

		if (file->name.timeline > 1 &&
			wal_inventory_history(inventory, file->name.timeline) == NULL &&
			(newest == NULL || file->name.timeline > newest->name.timeline ||
			 (file->name.timeline == newest->name.timeline && file->name.kind == WAL_HISTORY)))
			newest = file;
	}
	return newest;
}

/* The server would not start without it, or where it comes from is not known. */
static bool
report_history(const WalInventory *inventory, const WalFile *file)
{
	const WalSystem *system = &inventory->system;
	char *directory = wal_directory(system->id, &file->name);
	WalContentRead content = {.problem = NULL};
	WalVerdict verdict = WAL_DAMAGED;

	if (file->name.kind == WAL_HISTORY)
		verdict = wal_unpack(system->repository, system->id, directory, file, &content);
	report_error(
		verdict == WAL_UNREADABLE ? EXIT_FAILED : EXIT_INTEGRITY,
		content.problem != NULL ? content.problem : NULL,
		content.hint != NULL
			? content.hint
			: "A server of that timeline has the file in pg_wal: \"nex_backup wal push\" "
			  "stores it.  --timeline=N with a target (--target-time) recovers along an older one.",
		file->name.kind == WAL_HISTORY
			? "file \"%08X.history\" of the archive cannot be read, so nobody knows where "
			  "timeline %u begins"
			: "file \"%08X.history\" is not in the archive, so nobody knows where timeline "
			  "%u begins",
		file->name.timeline, file->name.timeline);
	wal_content_free(&content);
	free(directory);
	return false;
}

static bool
report_none(const BaseChoice *choice, uint32_t timeline)
{
	if (timeline > 1 && wal_inventory_history(choice->inventory, timeline) == NULL)
		return report_error(EXIT_FAILED, NULL, LOOK_HINT,
							"there is no history of timeline %u in the archive", timeline);
	if (choice->count > 1)
		return report_error(EXIT_FAILED, NULL, LOOK_HINT, "no base backup leads to timeline %u",
							timeline);
	return report_error(EXIT_FAILED, NULL, LOOK_HINT,
						"timeline %u does not come from the state of base backup %s", timeline,
						choice->names[0].id);
}

static bool
take_wanted(BaseChoice *choice, uint32_t wanted)
{
	const WalFile *file = without_history(choice->inventory);

	choice->timeline = wanted;
	if (file != NULL && file->name.timeline == wanted)
		return report_history(choice->inventory, file);
	if (wanted > 1 && wal_inventory_history(choice->inventory, wanted) == NULL)
		return report_none(choice, wanted);
	return any_leads_to(choice, wanted) || report_none(choice, wanted);
}

/*
 * No base backup that could be read leads to the newest timeline.  One that could not be may: what
 * comes without it is the state that somebody has left by a recovery.
 */
static bool
refuse_unread(const BaseChoice *choice, uint32_t newest)
{
	int i = choice->count - 1;

	while (i >= 0 && !choice->places[i].damaged)
		i--;
	return i < 0 ||
		   report_error(choice->places[i].unread ? EXIT_FAILED : EXIT_INTEGRITY, NULL,
						"When it can be read, as from a copy of the repository, recover again.  "
						"--timeline names a timeline to recover along, and a base backup can be "
						"named, too.",
						"base backup %s cannot be read, and none of the others leads to timeline "
						"%u, the newest",
						choice->names[i].id, newest);
}

static bool
take_newest(BaseChoice *choice)
{
	const WalFile *file = without_history(choice->inventory);
	uint32_t newest = timeline_before(choice->inventory, 0);

	choice->timeline = newest;
	while (choice->timeline != 0 && !any_leads_to(choice, choice->timeline))
		choice->timeline = timeline_before(choice->inventory, choice->timeline);
	if (file != NULL && file->name.timeline > choice->timeline)
		return report_history(choice->inventory, file);
	if (choice->timeline != newest && !refuse_unread(choice, newest))
		return false;
	if (choice->timeline == 0)
		return report_none(choice, newest);
	if (choice->timeline != newest)
		log_warning("timeline %u is newer than timeline %u, but %s", newest, choice->timeline,
					choice->count > 1 ? "no base backup leads to it"
									  : "this base backup does not lead to it");
	return true;
}

bool
base_choice_make(Repository *repository, const WalInventory *inventory, uint32_t wanted,
				 const BackupName *names, int count, BaseChoice *choice)
{
	Manifest *only;

	*choice = (BaseChoice){repository, inventory, names, count, NULL, 0};
	choice->places = xcalloc((size_t) count, sizeof(BasePlace));
	/* Of one that is damaged and has no other beside it, that is the error. */
	only = count == 1 ? repository_manifest(repository, &names[0]) : NULL;
	if (count == 1 && only == NULL)
		return false;
	manifest_free(only);
	return wanted != 0 ? take_wanted(choice, wanted) : take_newest(choice);
}

int
base_choice_before(BaseChoice *choice, int i)
{
	uint64_t end;

	while (--i >= 0 && !leads_to(choice, i, choice->timeline))
	{
		const BasePlace *place = &choice->places[i];
		char lsn[WAL_POSITION_SIZE];

		if (place->damaged)
			continue;
		if (was_left(choice, choice->timeline, place, &end))
		{
			wal_lsn_print(end, lsn);
			log_warning("base backup %s is passed over: it is of timeline %u behind %s, where that "
						"was left for timeline %u",
						choice->names[i].id, place->timeline, lsn, choice->timeline);
		}
		else
			log_warning("base backup %s is passed over: it is of timeline %u, which does not lead "
						"to timeline %u",
						choice->names[i].id, place->timeline, choice->timeline);
	}
	return i;
}

void
base_choice_free(BaseChoice *choice)
{
	free(choice->places);
	memset(choice, 0, sizeof(*choice));
}
