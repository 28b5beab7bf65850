/*-------------------------------------------------------------------------
 *
 * bucket_probe.c
 *	  What a bucket, and these credentials, can do: found out by trying.
 *
 *-------------------------------------------------------------------------
 */
#include "bucket_probe.h"

#include <string.h>
#include <time.h>

#include "bucket_file_lock.h"
#include "bucket_versions.h"
#include "bucket_write.h"
#include "content_md5.h"

/* What is tried is written here, and stays: whoever can only write cannot remove it. */
#define PROBE_PATH "lock/probe"
#define PROBE_TEXT "nex_backup writes this to see what the server does.\n"

/* Nothing is there. */
#define ABSENT_PATH "objects/probe"

/* Somebody may remove it in between, which is no sign of a server that ignores conditions. */
#define CONDITION_TRIES 3

static StoreAnswer
try_conditions(BucketStorage *bucket)
{
	const PutOptions create = {.mode = PUT_CREATE, .later = true};
	StoreResult result = store_ok();
	int i;

	for (i = 0; i <= CONDITION_TRIES && result.code == STORE_OK; i++)
		result = bucket_put(&bucket->storage, PROBE_PATH, PROBE_TEXT, strlen(PROBE_TEXT), &create);
	return result.code == STORE_OK       ? ANSWER_NO
		   : result.code == STORE_EXISTS ? ANSWER_YES
										 : ANSWER_UNKNOWN;
}

/* Send what is not as its digest says. */
static StoreAnswer
try_digests(BucketStorage *bucket)
{
	static const char other[] = "0000000000000000000000000000000000000000000000000000000000000000";
	char md5[MD5_TEXT_SIZE];
	const HttpPair header = {"content-md5", md5};
	BucketRequest request = {.method = "PUT",
							 .body = PROBE_TEXT,
							 .body_length = strlen(PROBE_TEXT),
							 .sign = {.header = bucket->dialect->version},
							 .most_tries = 1};
	StoreResult result;
	BucketReply reply;

	if (!bucket->dialect->md5)
		request.body_sha256 = other;
	else if (content_md5(other, strlen(other), md5))
	{
		request.headers = &header;
		request.header_count = 1;
	}
	else
		return ANSWER_UNKNOWN;
	bucket_reply_init(&reply);
	result = bucket_send_for(bucket, PROBE_PATH, &request, &reply);
	bucket_reply_free(&reply);
	return result.code == STORE_OK            ? ANSWER_NO
		   : result.code == STORE_UNREACHABLE ? ANSWER_YES
											  : ANSWER_UNKNOWN;
}

/*
 * May we remove what is not there?  Where versions are kept it is a version that
 * we ask for, as to remove more than that only hides it.
 */
static StoreAnswer
try_removal(BucketStorage *bucket, bool versions, double *clock_ahead)
{
	const HttpPair query = {"versionId", "null"};
	BucketRequest request = {
		.method = "DELETE", .query = &query, .query_count = versions ? 1 : 0, .most_tries = 3};
	StoreResult result;
	double date;
	BucketReply reply;

	bucket_reply_init(&reply);
	result = bucket_send_for(bucket, ABSENT_PATH, &request, &reply);
	date = answer_time(http_header(&reply.answer, "date"));
	if (date > 0)
		*clock_ahead = date - (double) time(NULL);
	bucket_reply_free(&reply);
	return result.code == STORE_DENIED                              ? ANSWER_NO
		   : result.code == STORE_OK || result.code == STORE_ABSENT ? ANSWER_YES
																	: ANSWER_UNKNOWN;
}

StoreResult
bucket_probe(Storage *storage, StoreProbe *probe)
{
	BucketStorage *bucket = (BucketStorage *) storage;
	StoreResult result;

	memset(probe, 0, sizeof(*probe));
	result = bucket_ask_versions(bucket, &probe->versions);
	if (result.code != STORE_OK && result.code != STORE_UNKNOWN_OUTCOME)
		return result;
	result = bucket_ask_file_locks(bucket, &probe->file_locks);
	if (result.code != STORE_OK && result.code != STORE_UNSUPPORTED)
		return result;
	probe->conditions = try_conditions(bucket);
	probe->digests = try_digests(bucket);
	probe->removal = try_removal(bucket, probe->versions == ANSWER_YES, &probe->clock_ahead);
	return store_ok();
}
