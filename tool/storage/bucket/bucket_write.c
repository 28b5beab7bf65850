/*-------------------------------------------------------------------------
 *
 * bucket_write.c
 *	  Put objects into a bucket.
 *
 * Uploads are whole objects, never multipart: an object of a repository is a
 * few megabytes.  The server refuses what was changed on the way, by the digest
 * that the request is signed with, or by Content-MD5.
 *
 *-------------------------------------------------------------------------
 */
#include "bucket_storage.h"

#include <stdlib.h>
#include <string.h>

#include "bucket_file_lock.h"
#include "bucket_read.h"
#include "bucket_write.h"
#include "content_md5.h"
#include "memory.h"

/* Is this the content of an object now?  Then an earlier try has put it there. */
static bool
is_there(BucketStorage *bucket, const char *path, const void *content, uint64_t length,
		 char *version, size_t size)
{
	StoreReader *reader;
	StoreInfo info;
	bool same = false;
	char *found;

	if (bucket_get(&bucket->storage, path, 0, STORE_TO_END, &reader, &info).code != STORE_OK)
		return false;
	if (info.bytes == length && (version == NULL || strlen(info.version) < size))
	{
		found = xmalloc(length + 1);
		same = reader->read(reader, found, length).code == STORE_OK &&
			   memcmp(found, content, length) == 0;
		free(found);
	}
	if (same && version != NULL)
		memcpy(version, info.version, strlen(info.version) + 1);
	reader->close(reader);
	return same;
}

/*
 * What a failed condition means.  A proxy may send a request twice by itself, so
 * also the first answer may be of a second try.  Only of objects, which are many
 * and the same in many backups, none is asked for without a reason.
 */
static StoreResult
condition_failed(BucketStorage *bucket, const char *path, const void *content, uint64_t length,
				 const PutOptions *options, const BucketReply *reply, char *version, size_t size)
{
	StoreResult result = reply->result;

	if ((reply->maybe_done || !options->later) &&
		is_there(bucket, path, content, length, version, size))
		return store_ok();
	if (options->mode == PUT_REPLACE_IF)
		result.code = STORE_CHANGED;
	return result;
}

StoreResult
bucket_put_version(BucketStorage *bucket, const char *path, const void *content, uint64_t length,
				   const PutOptions *options, char *version, size_t size)
{
	const BucketDialect *dialect = bucket->dialect;
	HttpPair headers[2 + FILE_LOCK_HEADERS];
	char md5[MD5_TEXT_SIZE];
	char until[FILE_LOCK_TIME];
	BucketRequest request = {.method = "PUT",
							 .headers = headers,
							 .body = content,
							 .body_length = length,
							 .body_sha256 = options->sha256,
							 .sign = {.header = dialect->version},
							 .leases = options->later || version != NULL ? NULL : bucket->leases};
	StoreResult result;
	BucketReply reply;

	if (options->mode == PUT_CREATE)
		headers[request.header_count++] = dialect->only_new;
	else if (options->mode == PUT_REPLACE_IF)
		headers[request.header_count++] = (HttpPair){dialect->only_this, options->version};
	/* If OpenSSL must not compute MD5, TLS alone protects what is on its way.  AWS wants it for
	 * locks.
	 */
	if ((dialect->md5 || options->locked_until > 0) && content_md5(content, length, md5))
		headers[request.header_count++] = (HttpPair){"content-md5", md5};
	if (options->locked_until > 0)
		bucket_add_file_lock(bucket, options->locked_until, until, headers, &request.header_count);
	bucket_reply_init(&reply);
	result = bucket_send_for(bucket, path, &request, &reply);
	if (options->mode != PUT_REPLACE &&
		(result.code == STORE_EXISTS || result.code == STORE_ABSENT))
		result = condition_failed(bucket, path, content, length, options, &reply, version, size);
	else if (result.code == STORE_OK && version != NULL)
		result = bucket_version_of(bucket, &reply.answer, version, size);
	bucket_reply_free(&reply);
	return result;
}

StoreResult
bucket_put(Storage *storage, const char *path, const void *content, uint64_t length,
		   const PutOptions *options)
{
	return bucket_put_version((BucketStorage *) storage, path, content, length, options, NULL, 0);
}
