/*-------------------------------------------------------------------------
 *
 * wal_get.c
 *	  Giving a WAL file back to a server that recovers.
 *
 *-------------------------------------------------------------------------
 */
#include "wal_get.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "memory.h"
#include "wal_end.h"
#include "wal_pack.h"
#include "wal_source.h"

#define GAP_HINT                                                                                   \
	"Recovery stops here, so that no later transaction is lost unseen. \"nex_backup wal list\" "   \
	"shows what there is. Bring the file back from a copy, or recover to a target before it."

/* The system identifier: named, of the data directory, or the only one in the repository. */
static bool
find_identifier(const WalGet *get, uint64_t *identifier)
{
	WalListing unknown = {0};
	StoreResult result;
	uint64_t *ids;
	size_t count;
	bool good;

	*identifier = get->system_identifier;
	if (*identifier == 0 && !wal_control_identifier(get->path, identifier))
		return false;
	if (*identifier != 0)
		return true;
	result = wal_systems(get->repository, &ids, &count, &unknown);
	good = result.code == STORE_OK && count == 1;
	if (good)
		*identifier = ids[0];
	else if (result.code != STORE_OK)
		report_error(EXIT_FAILED, NULL, result.hint, "could not list \"%s/" WAL_TREE "\": %s",
					 get->repository->storage->location, result.text);
	else
		report_error(
			EXIT_USAGE, NULL,
			"Name its system identifier as the last word, or let the path lie in pg_wal of a data "
			"directory.",
			"repository \"%s\" has WAL of %zu servers, and which is meant is not known",
			get->repository->storage->location, count);
	wal_listing_free(&unknown);
	free(ids);
	return good;
}

static bool
open_system(const WalGet *get, WalSystem *system)
{
	StoreResult result;
	uint64_t identifier;

	if (!find_identifier(get, &identifier))
		return false;
	if (wal_system_open(get->repository, identifier, system, &result))
		return true;
	return result.code == STORE_ABSENT &&
		   report_error(EXIT_FAILED, NULL,
						"\"nex_backup wal list\" shows of which servers there is any.",
						"repository \"%s\" has no WAL of system identifier %" PRIu64,
						get->repository->storage->location, identifier);
}

/* Read one file and put it where it is wanted. */
static bool
give(const WalGet *get, const WalSystem *system, const WalFile *file, WalVerdict *verdict)
{
	char *directory = wal_directory(system->id, &file->name);
	WalContentRead content;
	int error = 0;

	*verdict = wal_unpack(get->repository, system->id, directory, file, &content);
	if (*verdict != WAL_GOOD)
		report_error(*verdict == WAL_DAMAGED ? EXIT_INTEGRITY : EXIT_FAILED, NULL, content.hint,
					 "WAL file \"%s\" in \"%s/%s\" %s", file->name.text,
					 get->repository->storage->location, directory, content.problem);
	else
	{
		error = wal_target_write(get->path, content.data.data, content.data.length);
		if (error != 0)
			report_error(EXIT_FAILED, NULL, NULL, "could not write file \"%s\": %s", get->path,
						 strerror(error));
	}
	wal_content_free(&content);
	free(directory);
	return *verdict == WAL_GOOD && error == 0;
}

/* Are there two files of this name that differ? */
static bool
is_ambiguous(const WalSystem *system, const WalListing *listing, const WalName *name)
{
	const WalFile *first = NULL;
	size_t i;

	for (i = 0; i < listing->count; i++)
	{
		const WalFile *file = &listing->files[i];

		if (strcmp(file->name.text, name->text) != 0)
			continue;
		if (first == NULL)
			first = file;
		else if (strcmp(first->content, file->content) != 0)
		{
			report_error(EXIT_INTEGRITY, NULL,
						 "Two servers archived it. Move the one of the server that is not to be "
						 "recovered to another place, outside the repository.",
						 "repository \"%s\" has two different files \"%s\" of system identifier "
						 "%" PRIu64 ", with the digests %s and %s",
						 system->repository->storage->location, name->text, system->id,
						 first->content, file->content);
			return true;
		}
	}
	return false;
}

/* Give one of the files of this name; *found: there is any. */
static bool
give_named(const WalGet *get, const WalSystem *system, const WalName *name, bool *found)
{
	char *directory = wal_directory(system->id, name);
	const char *below = strchr(strchr(directory, '/') + 1, '/') + 1;
	WalVerdict verdict = WAL_DAMAGED;
	WalListing listing = {0};
	StoreResult result = wal_list(system, below, &listing);
	bool good = result.code == STORE_OK || wal_list_failed(system, &result);
	bool given = false;
	size_t i;

	/* A failure counts as found: nothing may be concluded. */
	*found = !good || is_ambiguous(system, &listing, name);
	good = !*found;
	for (i = 0; good && !given && i < listing.count; i++)
	{
		if (strcmp(listing.files[i].name.text, name->text) != 0)
			continue;
		*found = true;
		given = give(get, system, &listing.files[i], &verdict);
		/* Another copy of the same content may be intact. */
		good = given || verdict != WAL_GOOD;
	}
	/* What was said of another copy does not matter any more. */
	if (given)
		log_forget_errors();
	wal_listing_free(&listing);
	free(directory);
	return given;
}

/*
 * The last segment of a timeline, which a promotion cut off, holds all that was
 * written on it.
 */
static WalAnswer
give_partial(const WalGet *get, const WalSystem *system, const WalName *name)
{
	WalName partial = *name;
	bool found;

	if (name->kind != WAL_SEGMENT)
		return WAL_BEYOND_END;
	partial.kind = WAL_PARTIAL;
	snprintf(partial.text, sizeof(partial.text), "%.24s.partial", name->text);
	if (give_named(get, system, &partial, &found))
	{
		log_info("gave \"%s\", the end of its timeline", partial.text);
		return WAL_GIVEN;
	}
	return found ? WAL_FAILED : WAL_BEYOND_END;
}

static WalAnswer
answer_absent(const WalGet *get, const WalSystem *system, const WalName *name)
{
	const char *location = get->repository->storage->location;
	char *later;
	WalEnd end;
	bool found;

	if (name->kind != WAL_SEGMENT && name->kind != WAL_HISTORY)
	{
		report_error(EXIT_FAILED, NULL, NULL, "there is no \"%s\" in repository \"%s\"", name->text,
					 location);
		return WAL_FAILED;
	}
	end = wal_end_look(system, name, &later);
	if (end == WAL_END_BEYOND)
		return give_partial(get, system, name);
	/* It may have come between the two looks. */
	if (end == WAL_END_GAP && give_named(get, system, name, &found))
	{
		free(later);
		return WAL_GIVEN;
	}
	if (end == WAL_END_GAP && !found)
		report_error(EXIT_INTEGRITY, NULL, GAP_HINT,
					 "WAL file \"%s\" is missing from repository \"%s\", which has \"%s\"",
					 name->text, location, later);
	free(later);
	return WAL_FAILED;
}

WalAnswer
wal_get(const WalGet *get)
{
	WalSystem system;
	WalName name;
	uint64_t number;
	bool found;

	if (!wal_name_parse(get->name, &name))
	{
		report_error(EXIT_USAGE, NULL, "restore_command gives it as %f.",
					 "\"%s\" is not the name of a WAL file", get->name);
		return WAL_FAILED;
	}
	if (!open_system(get, &system))
		return WAL_FAILED;
	/* The first timeline comes from none, but servers ask. */
	if (name.kind == WAL_HISTORY && name.timeline == 1)
		return WAL_BEYOND_END;
	if (name.kind != WAL_HISTORY && !wal_segment_number(&name, system.segment_size, &number))
	{
		report_error(EXIT_USAGE, NULL, NULL,
					 "there is no segment \"%s\" where segments have %" PRIu32 " bytes", name.text,
					 system.segment_size);
		return WAL_FAILED;
	}
	if (give_named(get, &system, &name, &found))
		return WAL_GIVEN;
	return found ? WAL_FAILED : answer_absent(get, &system, &name);
}
