/*-------------------------------------------------------------------------
 *
 * other_places.c
 *	  Several places of one repository, to read from.
 *
 *-------------------------------------------------------------------------
 */
#include "other_places.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "digest.h"
#include "log.h"
#include "memory.h"
#include "object_set.h"

/* So many files are named. */
#define NAMED_FILES 3

struct OtherPlaces
{
	Repository **items;
	int count;

	pthread_mutex_t mutex; /* for what follows */
	ObjectSet said;        /* digests of the paths of files that were passed over */
};

void
repository_add_place(Repository *repository, Repository *other)
{
	OtherPlaces *others = repository->others;

	if (others == NULL)
	{
		others = repository->others = xcalloc(1, sizeof(OtherPlaces));
		pthread_mutex_init(&others->mutex, NULL);
		object_set_init(&others->said);
	}
	others->items =
		xrealloc(others->items, (size_t) (others->count + 1) * sizeof(others->items[0]));
	others->items[others->count++] = other;
	repository->one_of_several = other->one_of_several = true;
}

bool
repository_has_others(const Repository *repository)
{
	return repository->others != NULL;
}

Repository *
repository_place(Repository *repository, int home, int n)
{
	int position = n == 0 ? home : n <= home ? n - 1 : n;

	if (position == 0)
		return repository;
	return repository->others != NULL && position <= repository->others->count
			   ? repository->others->items[position - 1]
			   : NULL;
}

bool
place_is_asked(const Repository *place)
{
	return !place->given_up;
}

void
place_note_result(Repository *place, const StoreResult *result)
{
	if (result->code == STORE_UNREACHABLE && place->one_of_several)
		place->given_up = true;
}

bool
place_left_out(Repository *place, const StoreResult *result)
{
	place_note_result(place, result);
	if (place_is_asked(place))
		return false;
	log_warning_hint(result->hint, "\"%s\" cannot be reached, and is not read from: %s",
					 place->storage->location, result->text);
	return true;
}

/* Is it new? */
static bool
note_path(OtherPlaces *others, const Repository *place, const char *path)
{
	char *name = xasprintf("%s/%s", place->storage->location, path);
	size_t before = others->said.count;
	DigestHex digest;

	if (digest_buffer(name, strlen(name), digest))
		object_set_add(&others->said, digest, CODEC_NONE);
	free(name);
	return others->said.count > before;
}

void
place_say_passed_over(Repository *repository, const Repository *place, const char *path,
					  const char *problem, const Repository *taken)
{
	OtherPlaces *others = repository->others;
	bool named;

	pthread_mutex_lock(&others->mutex);
	named = note_path(others, place, path) && others->said.count <= NAMED_FILES;
	pthread_mutex_unlock(&others->mutex);
	if (named)
		log_warning("file \"%s/%s\" %s; it was read from \"%s\"", place->storage->location, path,
					problem, taken->storage->location);
}

unsigned
places_passed_over(const Repository *repository)
{
	OtherPlaces *others = repository->others;
	unsigned count = 0;

	if (others != NULL)
	{
		pthread_mutex_lock(&others->mutex);
		count = (unsigned) others->said.count;
		pthread_mutex_unlock(&others->mutex);
	}
	return count;
}

void
other_places_free(Repository *repository)
{
	OtherPlaces *others = repository->others;

	if (others == NULL)
		return;
	if (others->said.count > 0)
		log_warning_hint("\"nex_backup repair\" brings back what is missing or damaged.",
						 "%zu %s of the repository could not be used in one place, and %s read "
						 "from another one",
						 others->said.count, others->said.count == 1 ? "file" : "files",
						 others->said.count == 1 ? "was" : "were");
	object_set_free(&others->said);
	pthread_mutex_destroy(&others->mutex);
	free(others->items);
	free(others);
	repository->others = NULL;
}
