/*-------------------------------------------------------------------------
 *
 * object_store.c
 *	  The objects of a running backup.
 *
 * A barrier that fails says so once: from then on the pages look clean and
 * intact in memory, and the next one succeeds.  So a file that is there, but
 * that no manifest vouches for, is worth nothing, however it reads.  It is
 * written again beside, made durable, and only then takes the name: somebody
 * else's backup may rest on the one that is there.
 *
 *-------------------------------------------------------------------------
 */
#include "object_store.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bad_objects.h"
#include "encryption.h"
#include "interrupt.h"
#include "log.h"
#include "memory.h"
#include "object_set.h"
#include "put_queue.h"
#include "removal_lock.h"
#include "reusable.h"

struct ObjectStore
{
	Repository *repository;
	Codec codec;
	Cipher cipher;
	char *objects; /* the directory that they lie in */
	char server[LABEL_SIZE];
	ObjectSet bad; /* what somebody found damaged; only read while threads work */
	Reusable reusable;

	pthread_mutex_t lock; /* for what follows */
	ObjectSet taken;      /* what a thread of this backup has stored, or is storing */
	char **pending;       /* paths that the barrier must make durable */
	size_t npending;
	char **reused; /* paths of what is there already */
	size_t nreused;
	uint64_t new_objects;
	uint64_t new_bytes;

	PutQueue *queue;
	_Atomic bool failed;
};

/* An object on its way to the storage. */
typedef struct Upload
{
	ObjectStore *store;
	ManifestObject object;
	PutOptions options;
} Upload;

static char *
object_path(const ObjectStore *store, const char *id)
{
	return xasprintf("%s/%.2s/%s%s%s", store->objects, id, id, codec_suffix(store->codec),
					 cipher_suffix(store->cipher));
}

/* Count an object that was written, and note it for the barrier if that must make it durable. */
static void
note_written(ObjectStore *store, const ManifestObject *object, const char *path, bool later)
{
	pthread_mutex_lock(&store->lock);
	if (later)
	{
		if ((store->npending & (store->npending - 1)) == 0)
			store->pending = xrealloc(
				store->pending, (store->npending == 0 ? 1 : store->npending * 2) * sizeof(char *));
		store->pending[store->npending++] = xstrdup(path);
	}
	store->new_objects++;
	store->new_bytes += object->bytes;
	pthread_mutex_unlock(&store->lock);
}

/* Note an object that is used again: its lock against removal may have to be longer. */
static void
note_reused(ObjectStore *store, const ManifestObject *object)
{
	if (!store->repository->removal_lock.extend || store->repository->removal_lock.until == 0)
		return;
	pthread_mutex_lock(&store->lock);
	if ((store->nreused & (store->nreused - 1)) == 0)
		store->reused = xrealloc(store->reused,
								 (store->nreused == 0 ? 1 : store->nreused * 2) * sizeof(char *));
	store->reused[store->nreused++] = object_path(store, object->id);
	pthread_mutex_unlock(&store->lock);
}

/*
 * If something has the name, nobody vouches for it, or it was found damaged, or
 * another backup was faster: it is replaced by what is durable.
 */
static void
note_answer(void *item, const char *path, const void *content, uint64_t length,
			const StoreResult *answer)
{
	Upload *upload = item;
	ObjectStore *store = upload->store;
	Storage *storage = store->repository->storage;
	const char *id = upload->object.id;
	StoreResult result = *answer;

	if (result.code == STORE_EXISTS)
	{
		upload->options.mode = PUT_REPLACE;
		upload->options.later = false;
		result = storage->put(storage, path, content, length, &upload->options);
	}
	if (result.code == STORE_OK)
	{
		note_written(store, &upload->object, path, upload->options.later);
		if (object_set_find(&store->bad, id, store->codec) != NULL)
			bad_object_forget(store->repository, store->server, id, store->codec, store->cipher);
	}
	else
	{
		store->failed = true;
		report_error(EXIT_FAILED, NULL, result.hint, "could not write file \"%s/%s\": %s",
					 storage->location, path, result.text);
	}
	free(upload);
}

ObjectStore *
object_store_create(Repository *repository, const char *server, Codec codec,
					const Manifest *previous)
{
	ObjectStore *store = xcalloc(1, sizeof(ObjectStore));

	store->repository = repository;
	store->codec = codec;
	store->objects = server_path(server, "objects");
	snprintf(store->server, sizeof(store->server), "%s", server);
	store->cipher = repository->encryption != NULL ? repository->encryption->cipher : CIPHER_NONE;
	pthread_mutex_init(&store->lock, NULL);
	store->queue = put_queue_create(repository->storage, note_answer);
	object_set_init(&store->taken);
	object_set_init(&store->bad);
	/* Another codec, cipher or server means other files. */
	if (previous != NULL && (previous->codec != codec || previous->cipher != store->cipher ||
							 strcmp(previous->server.label, server) != 0))
		previous = NULL;
	reusable_find_out(&store->reusable, repository, server, previous, &store->bad);
	return store;
}

void
object_store_free(ObjectStore *store)
{
	size_t i;

	if (store == NULL)
		return;
	put_queue_free(store->queue);
	for (i = 0; i < store->npending; i++)
		free(store->pending[i]);
	for (i = 0; i < store->nreused; i++)
		free(store->reused[i]);
	free(store->reused);
	pthread_mutex_destroy(&store->lock);
	object_set_free(&store->taken);
	object_set_free(&store->bad);
	reusable_free(&store->reusable);
	free(store->pending);
	free(store->objects);
	free(store);
}

/* True for the first thread that brings this content; the others need do nothing. */
static bool
take(ObjectStore *store, const char *id)
{
	size_t before;
	bool first;

	pthread_mutex_lock(&store->lock);
	before = store->taken.count;
	object_set_add(&store->taken, id, store->codec);
	first = store->taken.count > before;
	pthread_mutex_unlock(&store->lock);
	return first;
}

/* Write an object, or have it written; a failure may be known later only. */
static bool
write_object(ObjectStore *store, const char *content, const ManifestObject *object)
{
	char *path = object_path(store, object->id);
	Upload *upload = xcalloc(1, sizeof(Upload));

	upload->store = store;
	upload->object = *object;
	upload->options.mode = PUT_CREATE;
	upload->options.later = true;
	upload->options.sha256 = upload->object.id;
	upload->options.locked_until = store->repository->removal_lock.until;
	put_queue_add(store->queue, path, content, object->bytes, &upload->options, upload);
	free(path);
	return !store->failed;
}

/* Encrypt content and store it.  Nobody else has these bytes: they differ each time. */
static bool
put_encrypted(ObjectStore *store, const char *content, uint64_t length, ManifestObject *object)
{
	const Encryption *encryption = store->repository->encryption;
	Buffer sealed;
	bool good;

	buffer_init(&sealed);
	good = cipher_encrypt(store->cipher, &encryption->recipients, content, length, &sealed) ==
			   AGE_OK &&
		   digest_buffer(sealed.data, sealed.length, object->id);
	object->bytes = sealed.length;
	if (!good)
		report_error(EXIT_FAILED, NULL, NULL, "could not encrypt: OpenSSL refuses");
	else
		good = write_object(store, sealed.data, object);
	buffer_free(&sealed);
	return good;
}

/*
 * The same with encryption.  What is there can be neither read nor compared,
 * so content is found again by its name under the writer's key.
 */
static bool
object_store_put_encrypted(ObjectStore *store, const char *content, uint64_t length,
						   ManifestObject *object)
{
	const ManifestObject *known;

	object->plain = length;
	if (!encryption_can_write(store->repository))
		return false;
	if (!writer_key_name_content(&store->repository->encryption->writer_key, content, length,
								 object->content))
		return report_error(EXIT_FAILED, NULL, NULL, "could not compute a keyed digest");
	known = reusable_find(&store->reusable, object->content);
	if (known == NULL)
		return put_encrypted(store, content, length, object);
	*object = *known;
	if (take(store, object->id))
		note_reused(store, object);
	return true;
}

bool
object_store_put(ObjectStore *store, const char *content, uint64_t length, ManifestObject *object)
{
	const ManifestObject *known;

	memset(object, 0, sizeof(*object));
	if (store->cipher != CIPHER_NONE)
		return object_store_put_encrypted(store, content, length, object);
	object->bytes = length;
	if (!digest_buffer(content, length, object->id))
		return report_error(EXIT_FAILED, NULL, NULL, "could not compute a SHA-256 digest");
	if (!take(store, object->id))
		return true;
	known = reusable_find(&store->reusable, object->id);
	if (known == NULL || known->bytes != length)
		return write_object(store, content, object);
	note_reused(store, object);
	return true;
}

bool
object_store_barrier(ObjectStore *store, int threads)
{
	Storage *storage = store->repository->storage;
	StoreResult result;
	char *failed;

	put_queue_wait(store->queue);
	if (store->failed || stop_requested() ||
		!removal_lock_extend(store->repository, store->reused, store->nreused))
		return false;
	result = storage->barrier(storage, store->pending, store->npending, threads, &failed);
	/* It stays failed: another barrier would only say that all is well. */
	store->failed = result.code != STORE_OK;
	if (store->failed && !stop_requested())
		report_error(EXIT_FAILED, NULL, result.hint, "could not fsync \"%s/%s\": %s",
					 storage->location, failed, result.text);
	free(failed);
	return !store->failed;
}

uint64_t
object_store_new_objects(const ObjectStore *store)
{
	return store->new_objects;
}

uint64_t
object_store_new_bytes(const ObjectStore *store)
{
	return store->new_bytes;
}
