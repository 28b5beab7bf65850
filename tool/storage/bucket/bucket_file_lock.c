/*-------------------------------------------------------------------------
 *
 * bucket_file_lock.c
 *	  Objects that nobody can remove before a certain time.
 *
 *-------------------------------------------------------------------------
 */
#include "bucket_file_lock.h"

#include <stdlib.h>
#include <string.h>

#include "bucket_parallel.h"
#include "content_md5.h"
#include "memory.h"
#include "xml_answer.h"

#define GROUP 1000
#define UNKNOWN_TRIES 3 /* of a question that a server may not understand */
#define NO_LOCKS_HINT                                                                              \
	"Such locks are a property of the bucket, which it mostly has from the beginning: create a "   \
	"bucket with them (docs/storage.md), or set repo-lock-days to 0."
#define VERSION_PARAMETER "versionId"

/* What is said of the lock of an object, or of the locks of a bucket. */
typedef struct Lock
{
	char mode[32];
	double until;
	bool enabled;
} Lock;

static void
note_mode(Lock *lock, const char *text)
{
	if (text != NULL && strlen(text) < sizeof(lock->mode))
		memcpy(lock->mode, text, strlen(text) + 1);
}

static bool
visit_lock(void *argument, const char *path, const char *text)
{
	Lock *lock = argument;

	if (strcmp(path, "Retention/Mode") == 0)
		note_mode(lock, text);
	else if (strcmp(path, "Retention/RetainUntilDate") == 0)
		lock->until = answer_time(text);
	else if (strcmp(path, "ObjectLockConfiguration/ObjectLockEnabled") == 0)
		lock->enabled = strcmp(text, "Enabled") == 0;
	return true;
}

/* Read an answer in XML whose root was looked at already. */
static StoreResult
read_lock(const HttpAnswer *answer, Lock *lock)
{
	StoreResult result = store_ok();
	char *problem = NULL;

	if (!xml_answer_read(answer->body.data, answer->body.length, NULL, visit_lock, lock, &problem))
		result = store_failure(STORE_FAILED, NULL, "the answer cannot be read: %s", problem);
	free(problem);
	return result;
}

void
bucket_add_file_lock(const BucketStorage *bucket, double until, char text[FILE_LOCK_TIME],
					 HttpPair *headers, size_t *count)
{
	const FileLockWords *words = bucket->dialect->lock;

	words->time_text((time_t) until, text);
	headers[(*count)++] = (HttpPair){words->mode, words->modes[bucket->storage.lock_firmly]};
	headers[(*count)++] = (HttpPair){words->until, text};
}

/* Is an object's lock as firm as wanted?  What a server calls it differs in case. */
static bool
is_firm(const BucketStorage *bucket, const Lock *lock)
{
	return !bucket->storage.lock_firmly ||
		   strcasecmp(lock->mode, bucket->dialect->lock->modes[true]) == 0;
}

/* By the headers of the object itself. */
static StoreResult
ask_by_head(BucketStorage *bucket, const char *path, Lock *lock)
{
	const FileLockWords *words = bucket->dialect->lock;
	BucketRequest request = {.method = "HEAD", .sign = {.header = bucket->dialect->version}};
	StoreResult result;
	BucketReply reply;

	bucket_reply_init(&reply);
	result = bucket_send_for(bucket, path, &request, &reply);
	if (result.code == STORE_OK)
	{
		note_mode(lock, http_header(&reply.answer, words->mode));
		lock->until = answer_time(http_header(&reply.answer, words->until));
	}
	bucket_reply_free(&reply);
	return result;
}

static StoreResult
ask_by_query(BucketStorage *bucket, const char *path, const char *version, Lock *lock)
{
	const HttpPair query[] = {bucket->dialect->lock->query, {VERSION_PARAMETER, version}};
	BucketRequest request = {.method = "GET",
							 .query = query,
							 .query_count = version != NULL ? 2 : 1,
							 .sign = {.root = "Retention"}};
	StoreResult result;
	BucketReply reply;

	bucket_reply_init(&reply);
	result = bucket_send_for(bucket, path, &request, &reply);
	if (result.code == STORE_OK)
		result = read_lock(&reply.answer, lock);
	bucket_reply_free(&reply);
	return result;
}

StoreResult
bucket_version_locked_until(BucketStorage *bucket, const char *path, const char *version,
							bool as_wanted, double *until)
{
	Lock lock = {.until = -1};
	StoreResult result = bucket->dialect->lock->xml ? ask_by_query(bucket, path, version, &lock)
													: ask_by_head(bucket, path, &lock);

	*until = 0;
	/* No such object, or a bucket without such locks. */
	if (result.code == STORE_ABSENT || result.code == STORE_UNSUPPORTED)
		return store_ok();
	if (result.code == STORE_OK && lock.until > 0 && (!as_wanted || is_firm(bucket, &lock)))
		*until = lock.until;
	return result;
}

StoreResult
bucket_locked_until(Storage *storage, const char *path, bool as_wanted, double *until)
{
	BucketStorage *bucket = (BucketStorage *) storage;

	*until = 0;
	/* Where nothing is kept, nothing is locked. */
	if (storage->lock_days == 0 && !bucket->keeps_versions)
		return store_ok();
	return bucket_version_locked_until(bucket, path, NULL, as_wanted, until);
}

static StoreResult
set_lock(BucketStorage *bucket, const char *path, double until)
{
	const FileLockWords *words = bucket->dialect->lock;
	char text[FILE_LOCK_TIME];
	char md5[MD5_TEXT_SIZE];
	HttpPair headers[FILE_LOCK_HEADERS];
	BucketRequest request = {.method = "PUT",
							 .query = &words->query,
							 .query_count = 1,
							 .headers = headers,
							 .sign = {.header = words->sign}};
	char *body = NULL;
	StoreResult result;
	BucketReply reply;

	if (words->xml)
	{
		words->time_text((time_t) until, text);
		body =
			xasprintf("<Retention><Mode>%s</Mode><RetainUntilDate>%s</RetainUntilDate></Retention>",
					  words->modes[bucket->storage.lock_firmly], text);
		request.body = body;
		request.body_length = strlen(body);
		if (content_md5(body, strlen(body), md5))
			headers[request.header_count++] = (HttpPair){"content-md5", md5};
	}
	else
		bucket_add_file_lock(bucket, until, text, headers, &request.header_count);
	bucket_reply_init(&reply);
	result = bucket_send_for(bucket, path, &request, &reply);
	bucket_reply_free(&reply);
	free(body);
	return result;
}

/* What is locked for longer must not be locked for less, which the server refuses. */
static StoreResult
lock_one(BucketStorage *bucket, const char *path, void *argument)
{
	double until = *(const double *) argument;
	StoreResult result = set_lock(bucket, path, until);
	double there;

	if ((result.code == STORE_DENIED || result.code == STORE_LOCKED) &&
		bucket_version_locked_until(bucket, path, NULL, true, &there).code == STORE_OK &&
		there >= (double) (time_t) until)
		return store_ok();
	return result;
}

StoreResult
bucket_lock_files(Storage *storage, char *const *paths, size_t count, double until, char **failed)
{
	const EachObject each = {.request = lock_one, .argument = &until};
	StoreResult *results = xcalloc(GROUP, sizeof(StoreResult));
	StoreResult result = store_ok();
	size_t done, i;

	*failed = NULL;
	for (done = 0; done < count && result.code == STORE_OK; done += GROUP)
	{
		size_t size = count - done < GROUP ? count - done : GROUP;

		bucket_each_object((BucketStorage *) storage, paths + done, size, &each, results);
		for (i = 0; i < size && (result.code == STORE_OK || result.tries == 0); i++)
		{
			result = results[i];
			if (result.code == STORE_OK)
				continue;
			free(*failed);
			*failed = xstrdup(paths[done + i]);
		}
	}
	free(results);
	return result;
}

StoreResult
bucket_ask_file_locks(BucketStorage *bucket, StoreAnswer *answer)
{
	const HttpPair *query = &bucket->dialect->lock->bucket_query;
	BucketRequest request = {.method = "GET",
							 .key = "",
							 .query = query,
							 .query_count = 1,
							 .sign = {.root = "ObjectLockConfiguration"},
							 .most_tries = UNKNOWN_TRIES};
	Lock lock = {.enabled = false};
	StoreResult result;
	BucketReply reply;

	*answer = ANSWER_UNKNOWN;
	if (query->name == NULL)
		return store_ok();
	bucket_reply_init(&reply);
	bucket_send(bucket->session, &request, &reply);
	result = reply.result;
	if (result.code == STORE_OK)
		result = read_lock(&reply.answer, &lock);
	bucket_reply_free(&reply);
	if (result.code == STORE_DENIED)
		return store_ok();
	if (result.code == STORE_OK && !lock.enabled)
		result = store_failure(STORE_UNSUPPORTED, NULL, "it cannot lock objects against removal");
	/* A server that does not know the question answers another one. */
	if (result.code == STORE_ABSENT || result.code == STORE_UNSUPPORTED ||
		result.code == STORE_UNKNOWN_OUTCOME)
	{
		result.code = STORE_UNSUPPORTED;
		result.hint = NO_LOCKS_HINT;
		*answer = ANSWER_NO;
	}
	else if (result.code == STORE_OK)
		*answer = ANSWER_YES;
	return result;
}

/* Whoever may not ask finds out by the first file that is stored. */
StoreResult
bucket_may_lock_files(Storage *storage)
{
	StoreAnswer answer;

	return bucket_ask_file_locks((BucketStorage *) storage, &answer);
}
