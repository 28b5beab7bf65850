/*-------------------------------------------------------------------------
 *
 * object_store.c
 *	  The objects of a running backup.
 *
 * The barrier fsyncs each file by name and not the whole file system, because
 * only fsync says which file is lost.  It says so once: from then on the pages
 * look clean and intact in memory, and the next fsync succeeds.  So a file that
 * is there, but that no manifest vouches for, is worth nothing, however it
 * reads.  It is written again beside, made durable, and only then takes the
 * name: somebody else's backup may rest on the one that is there.
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
	DigestHex *pending;   /* what the barrier must make durable */
	size_t npending;
	uint64_t new_objects;
	uint64_t new_bytes;

	_Atomic size_t next; /* barrier: next pending object */
	_Atomic bool failed;
};

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
	object_set_init(&store->taken);
	object_set_init(&store->bad);
	bad_objects_load(repository, server, &store->bad);
	/* Another codec, cipher or server means other files. */
	if (previous != NULL && previous->codec == codec && previous->cipher == store->cipher &&
		strcmp(previous->server.label, server) == 0)
		reusable_find_out(&store->reusable, repository, previous, &store->bad);
	return store;
}

void
object_store_free(ObjectStore *store)
{
	if (store == NULL)
		return;
	pthread_mutex_destroy(&store->lock);
	object_set_free(&store->taken);
	object_set_free(&store->bad);
	reusable_free(&store->reusable);
	free(store->pending);
	free(store->objects);
	free(store);
}

static char *
object_path(const ObjectStore *store, const char *id)
{
	return xasprintf("%s/%.2s/%s%s%s", store->objects, id, id, codec_suffix(store->codec),
					 cipher_suffix(store->cipher));
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

/* Count an object that was written, and note it for the barrier if that must make it durable. */
static void
note_written(ObjectStore *store, const ManifestObject *object, StorageWrite how)
{
	pthread_mutex_lock(&store->lock);
	if (how == WRITE_NEW)
	{
		if ((store->npending & (store->npending - 1)) == 0)
			store->pending =
				xrealloc(store->pending,
						 (store->npending == 0 ? 1 : store->npending * 2) * sizeof(DigestHex));
		memcpy(store->pending[store->npending++], object->id, sizeof(object->id));
	}
	store->new_objects++;
	store->new_bytes += object->bytes;
	pthread_mutex_unlock(&store->lock);
}

/*
 * Write an object.  If something has its name, nobody vouches for it, or it was
 * found damaged, or another backup was faster: it is replaced by what is durable.
 */
static bool
write_object(ObjectStore *store, const char *content, const ManifestObject *object)
{
	Storage *storage = store->repository->storage;
	char *path = object_path(store, object->id);
	StorageWrite how = WRITE_NEW;
	StoreResult result = storage->write(storage, path, content, object->bytes, how);

	if (result.code == STORE_EXISTS)
	{
		how = WRITE_DURABLE;
		result = storage->write(storage, path, content, object->bytes, how);
	}
	if (result.code != STORE_OK)
		report_error(EXIT_FAILED, NULL, result.hint, "could not write file \"%s/%s\": %s",
					 storage->location, path, result.text);
	free(path);
	if (result.code != STORE_OK)
		return false;
	note_written(store, object, how);
	if (object_set_find(&store->bad, object->id, store->codec) != NULL)
		bad_object_forget(store->repository, store->server, object->id, store->codec,
						  store->cipher);
	return true;
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
	return (known != NULL && known->bytes == length) || write_object(store, content, object);
}

static bool
sync_failed(ObjectStore *store, const char *path, const StoreResult *result)
{
	store->failed = true;
	return report_error(EXIT_FAILED, NULL, result->hint, "could not fsync \"%s/%s\": %s",
						store->repository->storage->location, path, result->text);
}

static void *
sync_objects(void *argument)
{
	ObjectStore *store = argument;
	Storage *storage = store->repository->storage;
	size_t i;

	while (!store->failed && !stop_requested() &&
		   (i = atomic_fetch_add(&store->next, 1)) < store->npending)
	{
		char *path = object_path(store, store->pending[i]);
		StoreResult result = storage->sync(storage, path);

		if (result.code != STORE_OK)
			sync_failed(store, path, &result);
		free(path);
	}
	return NULL;
}

/* Make the new names durable: every directory that got one, and those above. */
static bool
sync_directories(ObjectStore *store)
{
	Storage *storage = store->repository->storage;
	bool touched[256] = {false};
	char path[64];
	char *slash;
	StoreResult result = store_ok();
	size_t i;

	for (i = 0; i < store->npending; i++)
	{
		char two[3] = {store->pending[i][0], store->pending[i][1], '\0'};

		touched[strtoul(two, NULL, 16)] = true;
	}
	for (i = 0; i < 256 && result.code == STORE_OK; i++)
	{
		if (!touched[i])
			continue;
		snprintf(path, sizeof(path), "%s/%02x", store->objects, (unsigned) i);
		result = storage->sync_directory(storage, path);
	}
	snprintf(path, sizeof(path), "%s", store->objects);
	while (result.code == STORE_OK)
	{
		result = storage->sync_directory(storage, path);
		slash = strrchr(path, '/');
		if (result.code != STORE_OK || slash == NULL)
			break;
		*slash = '\0';
	}
	if (result.code == STORE_OK)
		result = storage->sync_directory(storage, memcpy(path, ".", 2));
	return result.code == STORE_OK || sync_failed(store, path, &result);
}

bool
object_store_barrier(ObjectStore *store, int threads)
{
	pthread_t *extra = xcalloc((size_t) threads, sizeof(pthread_t));
	int started = 0;
	int i;

	/* This thread works too, so one less. */
	for (i = 0; i + 1 < threads; i++)
	{
		if (pthread_create(&extra[i], NULL, sync_objects, store) != 0)
			break;
		started++;
	}
	sync_objects(store);
	for (i = 0; i < started; i++)
		pthread_join(extra[i], NULL);
	free(extra);
	if (store->failed || stop_requested())
		return false;
	return store->npending == 0 || sync_directories(store);
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
