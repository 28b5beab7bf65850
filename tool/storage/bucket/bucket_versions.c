/*-------------------------------------------------------------------------
 *
 * bucket_versions.c
 *	  What a bucket keeps of objects that were replaced or removed.
 *
 *-------------------------------------------------------------------------
 */
#include "bucket_versions.h"

#include <stdlib.h>
#include <string.h>

#include "bucket_file_lock.h"
#include "memory.h"
#include "xml_answer.h"

#define MOST_ASKED 4    /* refused ones, of many, that are asked until when they are locked */
#define UNKNOWN_TRIES 3 /* of a question that a server may not understand */
#define BATCH 1000      /* names that one request may remove */

StoreResult
bucket_each_version(BucketStorage *bucket, const char *prefix, bool one_level, const char *after,
					VersionVisitor visitor, void *argument)
{
	StoreResult result;
	char *token = after != NULL ? xstrdup(after) : NULL;
	char *second = NULL;
	bool go_on = true;

	do
	{
		ListPage page;
		size_t i;

		result = list_page_get(bucket->session, bucket->dialect->versions, prefix, one_level, token,
							   second, &page);
		for (i = 0; result.code == STORE_OK && i < page.count && go_on; i++)
			go_on = visitor(&page.entries[i], argument);
		go_on = go_on && page.truncated;
		if (result.code == STORE_OK && go_on && token != NULL && second != NULL &&
			page.second_next != NULL && strcmp(token, page.next) == 0 &&
			strcmp(second, page.second_next) == 0)
			result = store_failure(STORE_FAILED, NULL, "the listing does not go on");
		free(token);
		free(second);
		token = go_on ? xstrdup(page.next) : NULL;
		second = go_on && page.second_next != NULL ? xstrdup(page.second_next) : NULL;
		list_page_free(&page);
	} while (result.code == STORE_OK && go_on);
	free(token);
	free(second);
	return result;
}

static bool
visit_state(void *argument, const char *path, const char *text)
{
	if (strcmp(path, "VersioningConfiguration/Status") == 0)
		*(bool *) argument = text[0] != '\0';
	return true;
}

StoreResult
bucket_ask_versions(BucketStorage *bucket, StoreAnswer *answer)
{
	static const HttpPair query = {"versioning", ""};
	const BucketRequest request = {.method = "GET",
								   .key = "",
								   .query = &query,
								   .query_count = 1,
								   .sign = {.root = "VersioningConfiguration"},
								   .most_tries = UNKNOWN_TRIES};
	StoreResult result;
	char *problem = NULL;
	bool keeps = false;
	BucketReply reply;

	*answer = ANSWER_UNKNOWN;
	if (bucket->dialect->versions == NULL)
		return store_ok();
	bucket_reply_init(&reply);
	bucket_send(bucket->session, &request, &reply);
	result = reply.result;
	if (result.code == STORE_OK && xml_answer_read(reply.answer.body.data, reply.answer.body.length,
												   NULL, visit_state, &keeps, &problem))
		*answer = keeps ? ANSWER_YES : ANSWER_NO;
	free(problem);
	bucket_reply_free(&reply);
	return result.code == STORE_DENIED || result.code == STORE_UNSUPPORTED ? store_ok() : result;
}

/* A path that is to be removed. */
typedef struct Wanted
{
	char *key;
	size_t position;
} Wanted;

/* All of them, and their versions, as parallel arrays for remove_batch(). */
typedef struct Removal
{
	BucketStorage *bucket;
	char *const *paths;
	StoreResult *results; /* by position */
	Wanted *wanted;       /* ordered by key */
	size_t count;
	char **keys;
	char **versions;
	size_t *positions;
	size_t nversions;
	int asked;
	double until; /* the latest of those that were asked */
} Removal;

static int
compare_keys(const void *a, const void *b)
{
	return strcmp(((const Wanted *) a)->key, ((const Wanted *) b)->key);
}

static void
append(char ***texts, size_t count, const char *text)
{
	if ((count & (count - 1)) == 0)
		*texts = xrealloc(*texts, (count == 0 ? 1 : 2 * count) * sizeof(char *));
	(*texts)[count] = xstrdup(text);
}

static bool
note_version(const ListEntry *entry, void *argument)
{
	Removal *removal = argument;
	const Wanted key = {.key = entry->name};
	const Wanted *wanted =
		bsearch(&key, removal->wanted, removal->count, sizeof(Wanted), compare_keys);
	size_t n = removal->nversions;

	if (wanted == NULL || entry->version_id == NULL)
		return strcmp(entry->name, removal->wanted[removal->count - 1].key) <= 0;
	append(&removal->keys, n, entry->name);
	append(&removal->versions, n, entry->version_id);
	if ((n & (n - 1)) == 0)
		removal->positions =
			xrealloc(removal->positions, (n == 0 ? 1 : 2 * n) * sizeof(removal->positions[0]));
	removal->positions[removal->nversions++] = wanted->position;
	removal->results[wanted->position] = store_ok();
	return true;
}

/* Find the versions by one listing from the first key to the last. */
static StoreResult
find_versions(Removal *removal)
{
	const char *first = removal->wanted[0].key;
	const char *last = removal->wanted[removal->count - 1].key;
	char *after = xasprintf("%.*s", (int) strlen(first) - 1, first);
	char *prefix;
	StoreResult result;
	size_t same = 0;

	while (first[same] != '\0' && first[same] == last[same])
		same++;
	prefix = xasprintf("%.*s", (int) same, first);
	result = bucket_each_version(removal->bucket, prefix, false, after, note_version, removal);
	free(prefix);
	free(after);
	return result;
}

/* Is a version that may not be removed a locked one?  A few of them speak for the others. */
static void
note_refusal(Removal *removal, size_t i, const StoreResult *refusal)
{
	StoreResult *result = &removal->results[removal->positions[i]];
	double until = 0;

	if (removal->asked < MOST_ASKED)
	{
		removal->asked++;
		if (bucket_version_locked_until(removal->bucket, removal->paths[removal->positions[i]],
										removal->versions[i], false, &until)
					.code == STORE_OK &&
			until > removal->until)
			removal->until = until;
	}
	*result = *refusal;
	if (removal->until > 0)
	{
		result->code = STORE_LOCKED;
		result->until = until;
	}
}

static StoreResult
remove_version(BucketStorage *bucket, const char *key, const char *version)
{
	const HttpPair query = {"versionId", version};
	BucketRequest request = {.method = "DELETE",
							 .key = key,
							 .query = &query,
							 .query_count = 1,
							 .after_stop = true,
							 .leases = bucket->leases};
	StoreResult result;
	BucketReply reply;

	bucket_reply_init(&reply);
	bucket_send(bucket->session, &request, &reply);
	result = reply.result;
	bucket_reply_free(&reply);
	return result.code == STORE_ABSENT ? store_ok() : result;
}

/* Remove some versions, from this one on. */
static void
remove_some(Removal *removal, size_t first, size_t count)
{
	BucketStorage *bucket = removal->bucket;
	StoreResult *results = xcalloc(count, sizeof(StoreResult));
	StoreResult batch = store_failure(STORE_UNSUPPORTED, NULL, "one is not a batch");
	size_t i;

	if (count > 1 && bucket->dialect->remove_batch != NULL)
		batch =
			bucket->dialect->remove_batch(bucket->session, bucket->leases, removal->keys + first,
										  removal->versions + first, count, results);
	for (i = 0; i < count; i++)
	{
		if (batch.code == STORE_UNSUPPORTED || batch.code == STORE_FAILED)
			results[i] =
				remove_version(bucket, removal->keys[first + i], removal->versions[first + i]);
		else if (batch.code != STORE_OK)
			results[i] = batch;
		if (results[i].code == STORE_DENIED || results[i].code == STORE_LOCKED)
			note_refusal(removal, first + i, &results[i]);
		else if (results[i].code != STORE_OK)
			removal->results[removal->positions[first + i]] = results[i];
	}
	free(results);
}

static void
removal_free(Removal *removal)
{
	size_t i;

	for (i = 0; i < removal->nversions; i++)
	{
		free(removal->keys[i]);
		free(removal->versions[i]);
	}
	for (i = 0; i < removal->count; i++)
		free(removal->wanted[i].key);
	free(removal->keys);
	free(removal->versions);
	free(removal->positions);
	free(removal->wanted);
}

void
bucket_remove_versions(BucketStorage *bucket, char *const *paths, size_t count,
					   StoreResult *results)
{
	Removal removal = {.bucket = bucket,
					   .paths = paths,
					   .results = results,
					   .wanted = xcalloc(count, sizeof(Wanted)),
					   .count = count};
	StoreResult found;
	size_t i;

	for (i = 0; i < count; i++)
	{
		removal.wanted[i] = (Wanted){bucket_key(bucket, paths[i]), i};
		results[i] = store_failure(STORE_ABSENT, NULL, "nothing is there");
	}
	qsort(removal.wanted, count, sizeof(Wanted), compare_keys);
	found = find_versions(&removal);
	for (i = 0; i < count && found.code != STORE_OK; i++)
		results[i] = found;
	for (i = 0; i < removal.nversions && found.code == STORE_OK; i += BATCH)
		remove_some(&removal, i, removal.nversions - i < BATCH ? removal.nversions - i : BATCH);
	removal_free(&removal);
}
