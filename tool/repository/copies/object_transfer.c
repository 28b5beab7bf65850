/*-------------------------------------------------------------------------
 *
 * object_transfer.c
 *	  Bring objects from one place to another, as they are stored.
 *
 * Each thread reads an object, hashes it and writes it, so that both places
 * answer as many requests at once as they like.  An object is held in memory
 * whole: it must be right before the first byte of it is written.
 *
 *-------------------------------------------------------------------------
 */
#include "object_transfer.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "bad_objects.h"
#include "interrupt.h"
#include "log.h"
#include "memory.h"
#include "progress.h"

#define MAX_THREADS 64

/* All objects that are on their way; one may exceed it when it is alone. */
#define MEMORY_BUDGET ((uint64_t) 128 * 1024 * 1024)

typedef struct Transfer
{
	const TransferRequest *request;
	TransferResult *result;

	pthread_mutex_t mutex; /* for what follows, and the result */
	pthread_cond_t released;
	size_t next;
	uint64_t memory_used;
	char **pending; /* paths that the barrier must make durable */
	size_t npending;
	_Atomic bool failed; /* reported */
} Transfer;

/* ---- memory ---- */

static void
reserve(Transfer *transfer, uint64_t bytes)
{
	pthread_mutex_lock(&transfer->mutex);
	while (transfer->memory_used > 0 && transfer->memory_used + bytes > MEMORY_BUDGET)
		pthread_cond_wait(&transfer->released, &transfer->mutex);
	transfer->memory_used += bytes;
	pthread_mutex_unlock(&transfer->mutex);
}

static void
release(Transfer *transfer, uint64_t bytes)
{
	pthread_mutex_lock(&transfer->mutex);
	transfer->memory_used -= bytes;
	pthread_cond_broadcast(&transfer->released);
	pthread_mutex_unlock(&transfer->mutex);
}

/* ---- one object ---- */

/* Read it whole.  NULL, or what is wrong; *result says whether that is damage. */
static char *
read_object(const Transfer *transfer, const char *path, const ManifestObject *object, char *content,
			StoreResult *result)
{
	Storage *storage = transfer->request->from->storage;
	StoreReader *reader;
	StoreInfo info;
	DigestHex digest;

	*result = storage->get(storage, path, 0, STORE_TO_END, &reader, &info);
	if (result->code == STORE_ABSENT)
		return xstrdup("is missing");
	if (result->code != STORE_OK)
		return xasprintf("could not be read: %s", result->text);
	if (info.bytes == object->bytes)
		*result = reader->read(reader, content, object->bytes);
	reader->close(reader);
	if (info.bytes != object->bytes)
		return xasprintf("has %" PRIu64 " bytes instead of %" PRIu64, info.bytes, object->bytes);
	if (result->code != STORE_OK)
		return xasprintf("could not be read: %s", result->text);
	if (!digest_buffer(content, object->bytes, digest))
	{
		*result = store_failure(STORE_FAILED, NULL, "OpenSSL refuses");
		return xstrdup("could not be hashed");
	}
	if (strcmp(digest, object->id) != 0)
		return xasprintf("does not match its digest: its bytes have SHA-256 %s", digest);
	return NULL;
}

/* What is wrong with an object where it comes from. */
static void
note_problem(Transfer *transfer, size_t item, const char *path, const char *problem,
			 const StoreResult *result)
{
	const TransferRequest *request = transfer->request;
	const char *location = request->from->storage->location;
	bool damage = !store_inaccessible(result);

	if (store_blames_file(result))
		bad_object_note(request->from, request->manifest, request->positions[item], problem);
	if (damage)
		report_error(EXIT_INTEGRITY, NULL, request->hint, "file \"%s/%s\" %s", location, path,
					 problem);
	else
		report_error(EXIT_FAILED, NULL, result->hint, "file \"%s/%s\" %s", location, path, problem);
	/* The next one would take as long to fail. */
	if (result->code == STORE_UNREACHABLE)
		transfer->failed = true;
	pthread_mutex_lock(&transfer->mutex);
	transfer->result->damaged[item] = damage;
	transfer->result->ndamaged += damage;
	transfer->result->unreadable |= !damage;
	pthread_mutex_unlock(&transfer->mutex);
}

/* Count what was written. */
static void
note_written(Transfer *transfer, size_t item, const char *path, uint64_t bytes, bool later)
{
	pthread_mutex_lock(&transfer->mutex);
	if (later)
		transfer->pending[transfer->npending++] = xstrdup(path);
	transfer->result->brought[item] = true;
	transfer->result->objects++;
	transfer->result->bytes += bytes;
	pthread_mutex_unlock(&transfer->mutex);
	atomic_fetch_add(&progress.stored_bytes, bytes);
}

/* Say once that there is no space. */
static void
report_unwritten(Transfer *transfer, const char *path, const StoreResult *result)
{
	const char *location = transfer->request->to->storage->location;
	bool full = result->code == STORE_FULL;
	bool said;

	pthread_mutex_lock(&transfer->mutex);
	said = full && transfer->result->full;
	transfer->result->full |= full;
	pthread_mutex_unlock(&transfer->mutex);
	transfer->failed = true;
	if (!said)
		report_error(EXIT_FAILED, NULL,
					 full ? "Free some space in the place that is copied to; what was sent there "
							"is used, or removed, by the next copy or expire."
						  : result->hint,
					 "could not write file \"%s/%s\": %s", location, path, result->text);
}

/*
 * Something may have the name that was not listed, or was not good: then it is replaced by what is
 * durable, as by a backup (object_store.c).
 */
static void
write_object(Transfer *transfer, size_t item, const char *path, const ManifestObject *object,
			 const char *content)
{
	const TransferRequest *request = transfer->request;
	Storage *storage = request->to->storage;
	PutOptions options = {.mode = PUT_CREATE,
						  .later = true,
						  .sha256 = object->id,
						  .locked_until = request->to->removal_lock.until};
	StoreResult result = storage->put(storage, path, content, object->bytes, &options);

	if (result.code == STORE_EXISTS)
	{
		options.mode = PUT_REPLACE;
		options.later = false;
		result = storage->put(storage, path, content, object->bytes, &options);
	}
	if (result.code != STORE_OK)
	{
		report_unwritten(transfer, path, &result);
		return;
	}
	note_written(transfer, item, path, object->bytes, options.later);
	if (object_set_find(request->bad, object->id, request->manifest->codec) != NULL)
		bad_object_forget(request->to, request->manifest->server.label, object->id,
						  request->manifest->codec, request->manifest->cipher);
}

static void
bring_object(Transfer *transfer, size_t item)
{
	const TransferRequest *request = transfer->request;
	uint32_t position = request->positions[item];
	const ManifestObject *object = &request->manifest->objects[position];
	char *path = manifest_object_path(request->manifest, position);
	StoreResult result;
	char *content;
	char *problem;

	reserve(transfer, object->bytes);
	content = xmalloc(object->bytes > 0 ? object->bytes : 1);
	problem = read_object(transfer, path, object, content, &result);
	if (stop_requested())
		transfer->failed = true;
	else if (problem != NULL)
		note_problem(transfer, item, path, problem, &result);
	else
		write_object(transfer, item, path, object, content);
	free(content);
	release(transfer, object->bytes);
	atomic_fetch_add(&progress.units_done, 1);
	atomic_fetch_add(&progress.weight_done, object->bytes);
	free(problem);
	free(path);
}

/* ---- threads ---- */

static void *
worker_main(void *argument)
{
	Transfer *transfer = argument;

	while (!transfer->failed && !stop_requested())
	{
		size_t item;

		pthread_mutex_lock(&transfer->mutex);
		item = transfer->next++;
		pthread_mutex_unlock(&transfer->mutex);
		if (item >= transfer->request->count)
			break;
		bring_object(transfer, item);
	}
	return NULL;
}

/* As many as are of use to either place. */
static int
thread_count(const TransferRequest *request)
{
	int threads = request->threads;

	if (request->from->storage->can.uploads > threads)
		threads = request->from->storage->can.uploads;
	if (request->to->storage->can.uploads > threads)
		threads = request->to->storage->can.uploads;
	if (threads > MAX_THREADS)
		threads = MAX_THREADS;
	return request->count < (size_t) threads ? (int) request->count : threads;
}

static bool
run_threads(Transfer *transfer)
{
	pthread_t threads[MAX_THREADS];
	int wanted = thread_count(transfer->request);
	int error = 0;
	int started;
	int i;

	for (started = 0; started < wanted; started++)
	{
		error = pthread_create(&threads[started], NULL, worker_main, transfer);
		if (error != 0)
			break;
	}
	if (started == 0 && wanted > 0)
		return report_error(EXIT_FAILED, NULL, NULL, "could not start a thread: %s",
							strerror(error));
	for (i = 0; i < started; i++)
		pthread_join(threads[i], NULL);
	return !transfer->failed && !stop_requested();
}

static bool
make_durable(const Transfer *transfer)
{
	Storage *storage = transfer->request->to->storage;
	char *failed;
	StoreResult result = storage->barrier(storage, transfer->pending, transfer->npending,
										  transfer->request->threads, &failed);

	if (result.code != STORE_OK && !stop_requested())
		report_error(EXIT_FAILED, NULL, result.hint, "could not fsync \"%s/%s\": %s",
					 storage->location, failed, result.text);
	free(failed);
	return result.code == STORE_OK;
}

bool
objects_transfer(const TransferRequest *request, TransferResult *result)
{
	Transfer transfer = {.request = request, .result = result};
	bool good;
	size_t i;

	memset(result, 0, sizeof(*result));
	result->brought = xcalloc(request->count + 1, sizeof(bool));
	result->damaged = xcalloc(request->count + 1, sizeof(bool));
	transfer.pending = xcalloc(request->count + 1, sizeof(char *));
	pthread_mutex_init(&transfer.mutex, NULL);
	pthread_cond_init(&transfer.released, NULL);
	good = run_threads(&transfer) && make_durable(&transfer);
	pthread_cond_destroy(&transfer.released);
	pthread_mutex_destroy(&transfer.mutex);
	for (i = 0; i < transfer.npending; i++)
		free(transfer.pending[i]);
	free(transfer.pending);
	return good;
}

void
transfer_result_free(TransferResult *result)
{
	free(result->brought);
	free(result->damaged);
}
