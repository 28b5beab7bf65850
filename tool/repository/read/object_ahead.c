/*-------------------------------------------------------------------------
 *
 * object_ahead.c
 *	  Reading objects before they are needed.
 *
 * Nobody waits for room: an object that is needed and that no thread has begun
 * to read is read by who needs it.  So it does not matter for correctness if the
 * order was not kept, or if members are never taken that were announced; then
 * only less is read ahead.
 *
 *-------------------------------------------------------------------------
 */
#include "object_ahead.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "interrupt.h"
#include "memory.h"
#include "object_read.h"
#include "other_places.h"

/* Of all objects that wait; one may exceed it when it is alone. */
#define MEMORY_BUDGET ((uint64_t) 96 * 1024 * 1024)

/* While one is read, it is in the buffers of its storage, too, and encrypted as well as opened. */
#define READING_TAKES 2

#define MAX_THREADS 64

typedef enum AheadState
{
	AHEAD_UNREAD,
	AHEAD_READING,
	AHEAD_READ
} AheadState;

typedef struct AheadObject
{
	uint32_t uses; /* members that are still to be taken; 0 from the start: not one of those */
	uint64_t wanted;
	bool ahead;
	AheadState state;
	int takers;
	Buffer plain;
	char *problem;
	StoreResult result;
} AheadObject;

struct ObjectAhead
{
	Repository *repository;
	const Manifest *manifest;
	uint32_t *order; /* of objects, by their first member */
	uint32_t count;
	pthread_t threads[MAX_THREADS];
	int nthreads;

	pthread_mutex_t mutex; /* for what follows */
	pthread_cond_t changed;
	AheadObject *objects; /* by position in the manifest */
	uint32_t next;
	uint64_t held;
	bool closing;
};

static uint64_t
size_of(const ObjectAhead *ahead, uint32_t object)
{
	return ahead->manifest->objects[object].bytes;
}

/* Read it; the mutex is held before and after, and the object is being read meanwhile. */
static void
read_object(ObjectAhead *ahead, uint32_t object)
{
	AheadObject *item = &ahead->objects[object];

	item->state = AHEAD_READING;
	ahead->held += READING_TAKES * size_of(ahead, object);
	pthread_mutex_unlock(&ahead->mutex);
	free(item->problem);
	item->problem =
		object_read(ahead->repository, ahead->manifest, object, &item->plain, &item->result);
	pthread_mutex_lock(&ahead->mutex);
	item->state = AHEAD_READ;
	ahead->held -= (READING_TAKES - 1) * size_of(ahead, object);
	pthread_cond_broadcast(&ahead->changed);
}

/* Is the next object to be read, and is there room for it?  Passes over what was read meanwhile. */
static bool
may_go_on(ObjectAhead *ahead)
{
	while (ahead->next < ahead->count &&
		   ahead->objects[ahead->order[ahead->next]].state != AHEAD_UNREAD)
		ahead->next++;
	return ahead->next < ahead->count &&
		   (ahead->held == 0 ||
			ahead->held + READING_TAKES * size_of(ahead, ahead->order[ahead->next]) <=
				MEMORY_BUDGET);
}

static void *
read_ahead(void *argument)
{
	ObjectAhead *ahead = argument;

	pthread_mutex_lock(&ahead->mutex);
	while (!ahead->closing && !stop_requested())
	{
		if (may_go_on(ahead))
			read_object(ahead, ahead->order[ahead->next++]);
		else if (ahead->next >= ahead->count)
			break;
		else
			pthread_cond_wait(&ahead->changed, &ahead->mutex);
	}
	pthread_mutex_unlock(&ahead->mutex);
	return NULL;
}

/* Which objects are read ahead, and in which order. */
static void
make_order(ObjectAhead *ahead, const Member *const *members, size_t count)
{
	bool whole = ahead->manifest->cipher != CIPHER_NONE;
	size_t i;

	for (i = 0; i < count; i++)
	{
		ahead->objects[members[i]->object].uses++;
		ahead->objects[members[i]->object].wanted += members[i]->length;
	}
	for (i = 0; i < count; i++)
	{
		uint32_t object = members[i]->object;
		AheadObject *item = &ahead->objects[object];

		if (item->ahead || (!whole && item->wanted * 2 < size_of(ahead, object)))
			continue;
		item->ahead = true;
		ahead->order[ahead->count++] = object;
	}
}

ObjectAhead *
object_ahead_create(Repository *repository, const Manifest *manifest, const Member *const *members,
					size_t count)
{
	int wanted = repository_place(repository, manifest->place, 0)->storage->can.uploads;
	ObjectAhead *ahead;

	if (wanted <= 1)
		return NULL;
	ahead = xcalloc(1, sizeof(ObjectAhead));
	ahead->repository = repository;
	ahead->manifest = manifest;
	ahead->order = xcalloc((size_t) manifest->nobjects + 1, sizeof(uint32_t));
	ahead->objects = xcalloc((size_t) manifest->nobjects + 1, sizeof(AheadObject));
	pthread_mutex_init(&ahead->mutex, NULL);
	pthread_cond_init(&ahead->changed, NULL);
	make_order(ahead, members, count);
	if (wanted > MAX_THREADS)
		wanted = MAX_THREADS;
	if ((uint32_t) wanted > ahead->count)
		wanted = (int) ahead->count;
	/* Without any thread, objects are read by who needs them. */
	while (ahead->nthreads < wanted &&
		   pthread_create(&ahead->threads[ahead->nthreads], NULL, read_ahead, ahead) == 0)
		ahead->nthreads++;
	return ahead;
}

void
object_ahead_free(ObjectAhead *ahead)
{
	uint32_t i;
	int t;

	if (ahead == NULL)
		return;
	pthread_mutex_lock(&ahead->mutex);
	ahead->closing = true;
	pthread_cond_broadcast(&ahead->changed);
	pthread_mutex_unlock(&ahead->mutex);
	for (t = 0; t < ahead->nthreads; t++)
		pthread_join(ahead->threads[t], NULL);
	for (i = 0; i < ahead->manifest->nobjects; i++)
	{
		buffer_free(&ahead->objects[i].plain);
		free(ahead->objects[i].problem);
	}
	pthread_cond_destroy(&ahead->changed);
	pthread_mutex_destroy(&ahead->mutex);
	free(ahead->objects);
	free(ahead->order);
	free(ahead);
}

bool
object_ahead_has(const ObjectAhead *ahead, uint32_t object)
{
	return ahead != NULL && ahead->objects[object].ahead;
}

const char *
object_ahead_take(ObjectAhead *ahead, uint32_t object, char **problem, StoreResult *result)
{
	AheadObject *item = &ahead->objects[object];
	const char *bytes = NULL;

	pthread_mutex_lock(&ahead->mutex);
	item->takers++;
	while (item->state == AHEAD_READING)
		pthread_cond_wait(&ahead->changed, &ahead->mutex);
	if (item->state == AHEAD_UNREAD)
		read_object(ahead, object);
	*result = item->result;
	*problem = item->problem != NULL ? xstrdup(item->problem) : NULL;
	if (item->problem == NULL)
		bytes = item->plain.data != NULL ? item->plain.data : "";
	pthread_mutex_unlock(&ahead->mutex);
	return bytes;
}

/* Kept for its next member, unless too much is kept already: then it is read again. */
void
object_ahead_give_back(ObjectAhead *ahead, uint32_t object, uint32_t members)
{
	AheadObject *item = &ahead->objects[object];

	pthread_mutex_lock(&ahead->mutex);
	item->takers--;
	item->uses -= members < item->uses ? members : item->uses;
	if (item->takers == 0 && item->state == AHEAD_READ &&
		(item->uses == 0 || ahead->held > MEMORY_BUDGET))
	{
		buffer_free(&item->plain);
		buffer_init(&item->plain);
		item->state = AHEAD_UNREAD;
		ahead->held -= size_of(ahead, object);
		pthread_cond_broadcast(&ahead->changed);
	}
	pthread_mutex_unlock(&ahead->mutex);
}
