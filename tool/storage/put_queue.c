/*-------------------------------------------------------------------------
 *
 * put_queue.c
 *	  Putting many files at once, where an answer takes its time.
 *
 *-------------------------------------------------------------------------
 */
#include "put_queue.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "memory.h"

/* A file that waits, or is being put. */
typedef struct Waiting
{
	struct Waiting *next;
	char *path;
	char *content;
	uint64_t length;
	const PutOptions *options;
	void *item;
} Waiting;

struct PutQueue
{
	Storage *storage;
	PutAnswer answer;
	pthread_t *threads;
	int nthreads; /* none: whoever adds a file puts it */

	pthread_mutex_t mutex; /* for what follows */
	pthread_cond_t changed;
	Waiting *first;
	Waiting **last;
	int unanswered;
	bool closing;
};

static void
put_one(PutQueue *queue, const char *path, const void *content, uint64_t length,
		const PutOptions *options, void *item)
{
	StoreResult result = queue->storage->put(queue->storage, path, content, length, options);

	queue->answer(item, path, content, length, &result);
}

/* The next file; NULL when there will be none. */
static Waiting *
take_first(PutQueue *queue)
{
	Waiting *waiting;

	pthread_mutex_lock(&queue->mutex);
	while (queue->first == NULL && !queue->closing)
		pthread_cond_wait(&queue->changed, &queue->mutex);
	waiting = queue->first;
	if (waiting != NULL)
	{
		queue->first = waiting->next;
		if (queue->first == NULL)
			queue->last = &queue->first;
	}
	pthread_mutex_unlock(&queue->mutex);
	return waiting;
}

static void *
put_files(void *argument)
{
	PutQueue *queue = argument;
	Waiting *waiting;

	while ((waiting = take_first(queue)) != NULL)
	{
		put_one(queue, waiting->path, waiting->content, waiting->length, waiting->options,
				waiting->item);
		free(waiting->path);
		free(waiting->content);
		free(waiting);
		pthread_mutex_lock(&queue->mutex);
		queue->unanswered--;
		pthread_cond_broadcast(&queue->changed);
		pthread_mutex_unlock(&queue->mutex);
	}
	return NULL;
}

PutQueue *
put_queue_create(Storage *storage, PutAnswer answer)
{
	PutQueue *queue = xcalloc(1, sizeof(PutQueue));
	int wanted = storage->can.uploads > 1 ? storage->can.uploads : 0;

	queue->storage = storage;
	queue->answer = answer;
	queue->last = &queue->first;
	pthread_mutex_init(&queue->mutex, NULL);
	pthread_cond_init(&queue->changed, NULL);
	queue->threads = xcalloc((size_t) wanted + 1, sizeof(pthread_t));
	while (queue->nthreads < wanted &&
		   pthread_create(&queue->threads[queue->nthreads], NULL, put_files, queue) == 0)
		queue->nthreads++;
	return queue;
}

void
put_queue_add(PutQueue *queue, const char *path, const void *content, uint64_t length,
			  const PutOptions *options, void *item)
{
	Waiting *waiting;

	if (queue->nthreads == 0)
	{
		put_one(queue, path, content, length, options, item);
		return;
	}
	waiting = xcalloc(1, sizeof(Waiting));
	waiting->path = xstrdup(path);
	waiting->content = memcpy(xmalloc(length + 1), content, length);
	waiting->length = length;
	waiting->options = options;
	waiting->item = item;
	pthread_mutex_lock(&queue->mutex);
	while (queue->unanswered >= 2 * queue->nthreads)
		pthread_cond_wait(&queue->changed, &queue->mutex);
	queue->unanswered++;
	*queue->last = waiting;
	queue->last = &waiting->next;
	pthread_cond_broadcast(&queue->changed);
	pthread_mutex_unlock(&queue->mutex);
}

void
put_queue_wait(PutQueue *queue)
{
	pthread_mutex_lock(&queue->mutex);
	while (queue->unanswered > 0)
		pthread_cond_wait(&queue->changed, &queue->mutex);
	pthread_mutex_unlock(&queue->mutex);
}

void
put_queue_free(PutQueue *queue)
{
	int i;

	pthread_mutex_lock(&queue->mutex);
	queue->closing = true;
	pthread_cond_broadcast(&queue->changed);
	pthread_mutex_unlock(&queue->mutex);
	for (i = 0; i < queue->nthreads; i++)
		pthread_join(queue->threads[i], NULL);
	pthread_mutex_destroy(&queue->mutex);
	pthread_cond_destroy(&queue->changed);
	free(queue->threads);
	free(queue);
}
