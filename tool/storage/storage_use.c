/*-------------------------------------------------------------------------
 *
 * storage_use.c
 *	  What can be said in terms of a Storage's operations, whichever it is.
 *
 *-------------------------------------------------------------------------
 */
#include "storage_use.h"

#include <stdlib.h>
#include <string.h>

#include "at_once.h"
#include "memory.h"

StoreResult
storage_read(Storage *storage, const char *path, uint64_t limit, Buffer *content)
{
	StoreReader *reader;
	StoreInfo info;
	StoreResult result = storage->get(storage, path, 0, STORE_TO_END, &reader, &info);

	if (result.code != STORE_OK)
		return result;
	if (info.bytes > limit)
		result = store_failure(STORE_DAMAGED, NULL, "it is larger than it can be");
	else
	{
		buffer_reserve(content, info.bytes);
		result = reader->read(reader, content->data + content->length, info.bytes);
	}
	reader->close(reader);
	if (result.code == STORE_OK)
	{
		content->length += info.bytes;
		content->data[content->length] = '\0';
	}
	return result;
}

StoreResult
storage_read_range(Storage *storage, const char *path, uint64_t offset, uint64_t length, char *into)
{
	StoreReader *reader;
	StoreInfo info;
	StoreResult result = storage->get(storage, path, offset, length, &reader, &info);

	if (result.code != STORE_OK)
		return result;
	result = reader->read(reader, into, length);
	reader->close(reader);
	return result;
}

StoreResult
storage_write(Storage *storage, const char *path, const void *content, uint64_t length)
{
	return storage->put(storage, path, content, length, &(PutOptions){.mode = PUT_REPLACE});
}

static bool
is_there(Storage *storage, const char *path, const void *content, uint64_t length)
{
	Buffer found;
	bool same;

	buffer_init(&found);
	same = storage_read(storage, path, length, &found).code == STORE_OK && found.length == length &&
		   memcmp(found.data, content, length) == 0;
	buffer_free(&found);
	return same;
}

/*
 * A write that fails may have been done all the same, if only the directory
 * could not be made durable behind it.  Where the file decides something, such
 * as for whom is encrypted, to call that a failure would be as wrong as to
 * keep silent; and what was there before cannot be put back for certain.  So
 * the file is read again.
 */
StoreResult
storage_write_lasting(Storage *storage, const char *path, const void *content, uint64_t length,
					  StoreResult *not_lasting)
{
	StoreResult result = storage_write(storage, path, content, length);

	*not_lasting = store_ok();
	if (result.code == STORE_OK || !is_there(storage, path, content, length))
		return result;
	*not_lasting = result;
	return store_ok();
}

/* For storage_remove(): keep the one result. */
static bool
keep_result(size_t position, const StoreResult *result, void *argument)
{
	(void) position;
	*(StoreResult *) argument = *result;
	return true;
}

StoreResult
storage_remove(Storage *storage, const char *path, bool for_good)
{
	char *one = xstrdup(path);
	StoreResult result = store_ok();
	StoreResult barrier;
	char *failed = NULL;

	storage->remove_many(storage, &one, 1, keep_result, &result);
	if (for_good && strchr(one, '/') != NULL &&
		(result.code == STORE_OK || result.code == STORE_ABSENT))
	{
		strrchr(one, '/')[1] = '\0';
		barrier = storage->barrier(storage, &one, 1, 1, &failed);
		/* Whatever its code, it says nothing about the file: not even that it is absent. */
		if (barrier.code != STORE_OK)
		{
			result = barrier;
			result.code = STORE_UNKNOWN_OUTCOME;
		}
		free(failed);
	}
	free(one);
	return result;
}

StoreResult
storage_look(Storage *storage, const char *path)
{
	StoreInfo info;

	return storage->head(storage, path, &info);
}

bool
storage_wants_all(const char *name, void *argument)
{
	(void) name;
	(void) argument;
	return true;
}

size_t
storage_requests(const Storage *storage)
{
	return storage->can.uploads > 1 ? (size_t) storage->can.uploads : 1;
}

typedef struct LockQuestion
{
	Storage *storage;
	const StoreLock *const *locks;
	_Atomic bool lost; /* one of them */
} LockQuestion;

static void
ask_of_lock(size_t item, void *argument)
{
	LockQuestion *question = argument;
	Storage *storage = question->storage;
	const StoreLock *lock = question->locks[item];

	if (lock != NULL && !question->lost && !storage->lock_alive(storage, lock))
		question->lost = true;
}

bool
storage_locks_alive(Storage *storage, const StoreLock *const *locks, size_t count)
{
	LockQuestion question = {storage, locks, false};

	at_once(count, storage_requests(storage), ask_of_lock, &question);
	return !question.lost;
}
