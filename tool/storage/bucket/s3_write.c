/*-------------------------------------------------------------------------
 *
 * s3_write.c
 *	  Put objects into a bucket, and remove them.
 *
 * Uploads are whole objects, never multipart: an object of a repository is a
 * few megabytes.  Each is signed with its digest, so that the server refuses
 * what was changed on the way.
 *
 *-------------------------------------------------------------------------
 */
#include "s3_storage.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "base64.h"
#include "memory.h"
#include "xml_answer.h"

#define BATCH 1000 /* names that one request may remove */

/* Is this the content of an object now?  Then an earlier try has put it there. */
static bool
is_there(S3Storage *s3, const char *path, const void *content, uint64_t length, char *version,
		 size_t size)
{
	StoreReader *reader;
	StoreInfo info;
	bool same = false;
	char *found;

	if (s3_get(&s3->storage, path, 0, STORE_TO_END, &reader, &info).code != STORE_OK)
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

/* What a failed condition means. */
static StoreResult
condition_failed(S3Storage *s3, const char *path, const void *content, uint64_t length,
				 const PutOptions *options, const S3Reply *reply, char *version, size_t size)
{
	StoreResult result = reply->result;

	if (reply->maybe_done && is_there(s3, path, content, length, version, size))
		return store_ok();
	if (options->mode == PUT_REPLACE_IF)
		result.code = STORE_CHANGED;
	return result;
}

StoreResult
s3_put_version(S3Storage *s3, const char *path, const void *content, uint64_t length,
			   const PutOptions *options, char *version, size_t size)
{
	const SigPair only_new = {"if-none-match", "*"};
	const SigPair only_this = {"if-match", options->version};
	S3Request request = {.method = "PUT",
						 .headers = options->mode == PUT_CREATE ? &only_new : &only_this,
						 .header_count = options->mode == PUT_REPLACE ? 0 : 1,
						 .body = content,
						 .body_length = length,
						 .body_sha256 = options->sha256};
	StoreResult result;
	S3Reply reply;

	s3_reply_init(&reply);
	result = s3_send_for(s3, path, &request, &reply);
	if (options->mode != PUT_REPLACE &&
		(result.code == STORE_EXISTS || result.code == STORE_ABSENT))
		result = condition_failed(s3, path, content, length, options, &reply, version, size);
	else if (result.code == STORE_OK && version != NULL)
		result = s3_version_of(&reply.answer, version, size);
	s3_reply_free(&reply);
	return result;
}

StoreResult
s3_put(Storage *storage, const char *path, const void *content, uint64_t length,
	   const PutOptions *options)
{
	return s3_put_version((S3Storage *) storage, path, content, length, options, NULL, 0);
}

/* The answer is the same whether there was an object or not. */
StoreResult
s3_remove(S3Storage *s3, const char *path)
{
	S3Request request = {.method = "DELETE", .after_stop = true};
	StoreResult result;
	S3Reply reply;

	s3_reply_init(&reply);
	result = s3_send_for(s3, path, &request, &reply);
	s3_reply_free(&reply);
	return result;
}

static void
append_xml_text(Buffer *out, const char *text)
{
	for (; *text != '\0'; text++)
	{
		if (*text == '&' || *text == '<' || *text == '>' || *text == '"' ||
			(unsigned char) *text < ' ')
			buffer_printf(out, "&#%d;", (unsigned char) *text);
		else
			buffer_append_char(out, *text);
	}
}

/* What the server says of one name that it has not removed. */
typedef struct Refused
{
	char *key;
	char *code;
	char *message;
} Refused;

/* All that a batch has left. */
typedef struct Refusals
{
	Refused *items;
	size_t count;
	Refused now; /* being read */
} Refusals;

static void
set_text(char **text, const char *value)
{
	free(*text);
	*text = xstrdup(value);
}

static bool
visit_refusal(void *argument, const char *path, const char *text)
{
	Refusals *refusals = argument;

	if (strcmp(path, "DeleteResult/Error/Key") == 0)
		set_text(&refusals->now.key, text);
	else if (strcmp(path, "DeleteResult/Error/Code") == 0)
		set_text(&refusals->now.code, text);
	else if (strcmp(path, "DeleteResult/Error/Message") == 0)
		set_text(&refusals->now.message, text);
	else if (strcmp(path, "DeleteResult/Error") == 0)
	{
		refusals->items =
			xrealloc(refusals->items, (refusals->count + 1) * sizeof(*refusals->items));
		refusals->items[refusals->count++] = refusals->now;
		memset(&refusals->now, 0, sizeof(refusals->now));
	}
	return true;
}

static void
free_refused(Refused *refused)
{
	free(refused->key);
	free(refused->code);
	free(refused->message);
}

static void
free_refusals(Refusals *refusals)
{
	size_t i;

	for (i = 0; i < refusals->count; i++)
		free_refused(&refusals->items[i]);
	free_refused(&refusals->now);
	free(refusals->items);
}

/* What has become of one key of a batch whose answer was read. */
static StoreResult
result_of(const Refusals *refusals, const char *key)
{
	size_t i;

	for (i = 0; i < refusals->count; i++)
	{
		const Refused *refused = &refusals->items[i];
		const char *code = refused->code != NULL ? refused->code : "";

		if (refused->key == NULL || strcmp(refused->key, key) != 0)
			continue;
		if (strcmp(code, "NoSuchKey") == 0)
			return store_ok();
		return store_failure(strcmp(code, "AccessDenied") == 0 ? STORE_DENIED : STORE_FAILED, NULL,
							 "%s: %s", code, refused->message != NULL ? refused->message : "");
	}
	return store_ok();
}

/* The header Content-MD5, which this request must have whatever else vouches for it. */
static bool
md5_base64(const Buffer *body, char text[32])
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned int length;

	if (EVP_Digest(body->data, body->length, digest, &length, EVP_md5(), NULL) != 1)
		return false;
	EVP_EncodeBlock((unsigned char *) text, digest, (int) length);
	return true;
}

/* Send one batch; its refusals are read if the result is good. */
static StoreResult
send_batch(S3Storage *s3, char *const *keys, size_t count, Refusals *refusals)
{
	static const SigPair query[] = {{"delete", ""}};
	char md5[32];
	SigPair headers[] = {{"content-md5", md5}};
	S3Request request = {.method = "POST",
						 .key = "",
						 .query = query,
						 .query_count = 1,
						 .headers = headers,
						 .header_count = 1,
						 .root = "DeleteResult",
						 .after_stop = true};
	StoreResult result;
	char *problem = NULL;
	S3Reply reply;
	Buffer body;
	size_t i;

	buffer_init(&body);
	buffer_append_string(&body, "<Delete><Quiet>true</Quiet>");
	for (i = 0; i < count; i++)
	{
		buffer_append_string(&body, "<Object><Key>");
		append_xml_text(&body, keys[i]);
		buffer_append_string(&body, "</Key></Object>");
	}
	buffer_append_string(&body, "</Delete>");
	request.body = body.data;
	request.body_length = body.length;

	s3_reply_init(&reply);
	if (!md5_base64(&body, md5))
		result = store_failure(STORE_UNSUPPORTED, NULL, "OpenSSL refuses MD5");
	else
	{
		s3_send(s3->session, &request, &reply);
		result = reply.result;
	}
	if (result.code == STORE_OK &&
		!xml_answer_read(reply.answer.body.data, reply.answer.body.length, "DeleteResult",
						 visit_refusal, refusals, &problem))
		result = store_failure(STORE_UNKNOWN_OUTCOME, NULL, "%s", problem);
	free(problem);
	s3_reply_free(&reply);
	buffer_free(&body);
	return result;
}

/* Where batches do not work, one by one does. */
static StoreResult
remove_one(S3Storage *s3, const char *path, const char *key, const StoreResult *batch,
		   const Refusals *refusals)
{
	if (batch->code == STORE_OK)
		return result_of(refusals, key);
	if (batch->code == STORE_UNSUPPORTED || batch->code == STORE_FAILED)
		return s3_remove(s3, path);
	return *batch;
}

void
s3_remove_many(Storage *storage, char *const *paths, size_t count, StoreRemoved removed,
			   void *argument)
{
	S3Storage *s3 = (S3Storage *) storage;
	bool go_on = true;
	size_t done, i;

	for (done = 0; done < count && go_on; done += BATCH)
	{
		size_t size = count - done < BATCH ? count - done : BATCH;
		char **keys = xcalloc(size, sizeof(char *));
		Refusals refusals = {.count = 0};
		StoreResult batch = store_failure(STORE_UNSUPPORTED, NULL, "one is not a batch");

		for (i = 0; i < size; i++)
			keys[i] = s3_key(s3, paths[done + i]);
		if (size > 1)
			batch = send_batch(s3, keys, size, &refusals);
		for (i = 0; i < size && go_on; i++)
		{
			StoreResult result = remove_one(s3, paths[done + i], keys[i], &batch, &refusals);

			go_on = removed(done + i, &result, argument);
		}
		for (i = 0; i < size; i++)
			free(keys[i]);
		free(keys);
		free_refusals(&refusals);
	}
}
