/*-------------------------------------------------------------------------
 *
 * reusable.c
 *	  Which objects of the last backup the next one can use again.
 *
 *-------------------------------------------------------------------------
 */
#include "reusable.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "at_once.h"
#include "bad_objects.h"
#include "log.h"
#include "memory.h"

/* What the listing looks for. */
typedef struct Search
{
	const Repository *repository;
	const char *server;
	const Manifest *previous;
	ObjectSet *bad;
	char suffix[32]; /* of all its objects */
	bool first[256]; /* the directories that have any of them */
	ObjectSet named; /* the fingerprint is the position in the manifest */
	bool *there;     /* by position */
} Search;

/* By what an object is found again: encryption gives other bytes each time. */
static const char *
object_key(const ManifestObject *object)
{
	return object->content[0] != '\0' ? object->content : object->id;
}

static unsigned
directory_of(const char *id)
{
	const char two[3] = {id[0], id[1], '\0'};

	return (unsigned) strtoul(two, NULL, 16) % 256;
}

/* "ab/ID.sql.zst" is named by the manifest?  NULL if not. */
static const ObjectSetEntry *
find_named(const Search *search, const char *name)
{
	DigestHex id;

	if (strlen(name) < 3 + DIGEST_HEX_LENGTH || name[2] != '/' ||
		strcmp(name + 3 + DIGEST_HEX_LENGTH, search->suffix) != 0 ||
		strncmp(name, name + 3, 2) != 0)
		return NULL;
	memcpy(id, name + 3, DIGEST_HEX_LENGTH);
	id[DIGEST_HEX_LENGTH] = '\0';
	return digest_hex_valid(id) ? object_set_find(&search->named, id, search->previous->codec)
								: NULL;
}

static bool
is_wanted(const char *name, void *argument)
{
	const Search *search = argument;

	if (strlen(name) == 3 && name[2] == '/')
		return search->first[directory_of(name)];
	return find_named(search, name) != NULL;
}

/* What we may not read is of no use to a restore. */
static void
note_file(const StoreEntry *file, void *argument)
{
	Search *search = argument;
	uint64_t position = find_named(search, file->name)->fingerprint;

	search->there[position] =
		file->readable && file->bytes == search->previous->objects[position].bytes;
}

/* Mark what of the manifest is there. */
static void
list_objects(Search *search)
{
	Storage *storage = search->repository->storage;
	char *directory = server_path(search->previous->server.label, "objects");
	FileListing listing = {is_wanted, note_file, search};
	StoreResult result = storage->list_files(storage, directory, &listing);

	if (result.code != STORE_OK && result.code != STORE_ABSENT)
		log_warning_hint(result.hint,
						 "could not list the objects in \"%s/%s\": %s; those that were not seen "
						 "are stored again",
						 storage->location, directory, result.text);
	free(directory);
}

/* Comparison for reusable_find(). */
static int
compare_positions(const void *a, const void *b, void *argument)
{
	const Manifest *previous = argument;

	return strcmp(object_key(&previous->objects[*(const uint32_t *) a]),
				  object_key(&previous->objects[*(const uint32_t *) b]));
}

/* Two directories, which need not be listed one after the other. */
static void
look(size_t item, void *argument)
{
	Search *search = argument;

	if (item == 0)
		bad_objects_load(search->repository, search->server, search->bad);
	else
		list_objects(search);
}

/* Keep what is there and good, in its order. */
static void
keep_those(Reusable *reusable, const Search *search)
{
	const Manifest *previous = search->previous;
	uint32_t i;

	reusable->previous = previous;
	reusable->positions = xmalloc(previous->nobjects * sizeof(uint32_t));
	for (i = 0; i < previous->nobjects; i++)
	{
		if (search->there[i] &&
			object_set_find(search->bad, previous->objects[i].id, previous->codec) == NULL)
			reusable->positions[reusable->count++] = i;
	}
	qsort_r(reusable->positions, reusable->count, sizeof(uint32_t), compare_positions,
			(void *) previous);
}

void
reusable_find_out(Reusable *reusable, const Repository *repository, const char *server,
				  const Manifest *previous, ObjectSet *bad)
{
	Search search = {.repository = repository, .server = server, .previous = previous, .bad = bad};
	uint32_t i;

	memset(reusable, 0, sizeof(*reusable));
	if (previous == NULL || previous->nobjects == 0)
	{
		bad_objects_load(repository, server, bad);
		return;
	}
	snprintf(search.suffix, sizeof(search.suffix), "%s%s", codec_suffix(previous->codec),
			 cipher_suffix(previous->cipher));
	search.there = xcalloc(previous->nobjects, sizeof(bool));
	object_set_init(&search.named);
	for (i = 0; i < previous->nobjects; i++)
	{
		const char *id = previous->objects[i].id;
		ObjectSetEntry *entry = object_set_add(&search.named, id, previous->codec);

		search.first[directory_of(id)] = true;
		if (entry != NULL)
			entry->fingerprint = i;
	}
	at_once(2, storage_requests(repository->storage), look, &search);
	keep_those(reusable, &search);
	object_set_free(&search.named);
	free(search.there);
}

const ManifestObject *
reusable_find(const Reusable *reusable, const char *key)
{
	uint32_t low = 0;
	uint32_t high = reusable->count;

	while (low < high)
	{
		uint32_t middle = low + (high - low) / 2;
		const ManifestObject *known = &reusable->previous->objects[reusable->positions[middle]];
		int order = strcmp(key, object_key(known));

		if (order == 0)
			return known;
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

void
reusable_free(Reusable *reusable)
{
	free(reusable->positions);
	memset(reusable, 0, sizeof(*reusable));
}
