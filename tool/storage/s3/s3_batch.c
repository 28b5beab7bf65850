/*-------------------------------------------------------------------------
 *
 * s3_batch.c
 *	  Remove many objects of a bucket of S3 by one request.
 *
 *-------------------------------------------------------------------------
 */
#include "s3.h"

#include <stdlib.h>
#include <string.h>

#include "bucket_session.h"
#include "content_md5.h"
#include "memory.h"
#include "xml_answer.h"

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
	char *version;
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
	else if (strcmp(path, "DeleteResult/Error/VersionId") == 0)
		set_text(&refusals->now.version, text);
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
	free(refused->version);
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

/* Is that of this version?  A server that does not say means all of this key. */
static bool
is_refused(const Refused *refused, const char *key, const char *version)
{
	return refused->key != NULL && strcmp(refused->key, key) == 0 &&
		   (version == NULL || refused->version == NULL || strcmp(refused->version, version) == 0);
}

/* What has become of one key of a batch whose answer was read. */
static StoreResult
result_of(const Refusals *refusals, const char *key, const char *version)
{
	size_t i;

	for (i = 0; i < refusals->count; i++)
	{
		const Refused *refused = &refusals->items[i];
		const char *code = refused->code != NULL ? refused->code : "";

		if (!is_refused(refused, key, version))
			continue;
		if (strcmp(code, "NoSuchKey") == 0 || strcmp(code, "NoSuchVersion") == 0)
			return store_ok();
		return store_failure(strcmp(code, "AccessDenied") == 0 ? STORE_DENIED : STORE_FAILED, NULL,
							 "%s: %s", code, refused->message != NULL ? refused->message : "");
	}
	return store_ok();
}

/* Send one batch; its refusals are read if the result is good. */
static StoreResult
send_batch(BucketSession *session, Leases *leases, char *const *keys, char *const *versions,
		   size_t count, Refusals *refusals)
{
	static const HttpPair query[] = {{"delete", ""}};
	char md5[MD5_TEXT_SIZE];
	HttpPair headers[] = {{"content-md5", md5}};
	BucketRequest request = {.method = "POST",
							 .key = "",
							 .query = query,
							 .query_count = 1,
							 .headers = headers,
							 .header_count = 1,
							 .sign = {.root = "DeleteResult"},
							 .after_stop = true,
							 .leases = leases};
	StoreResult result;
	char *problem = NULL;
	BucketReply reply;
	Buffer body;
	size_t i;

	buffer_init(&body);
	buffer_append_string(&body, "<Delete><Quiet>true</Quiet>");
	for (i = 0; i < count; i++)
	{
		buffer_append_string(&body, "<Object><Key>");
		append_xml_text(&body, keys[i]);
		buffer_append_string(&body, "</Key>");
		if (versions != NULL)
		{
			buffer_append_string(&body, "<VersionId>");
			append_xml_text(&body, versions[i]);
			buffer_append_string(&body, "</VersionId>");
		}
		buffer_append_string(&body, "</Object>");
	}
	buffer_append_string(&body, "</Delete>");
	request.body = body.data;
	request.body_length = body.length;

	bucket_reply_init(&reply);
	if (!content_md5(body.data, body.length, md5))
		result = store_failure(STORE_UNSUPPORTED, NULL, "OpenSSL refuses MD5");
	else
	{
		bucket_send(session, &request, &reply);
		result = reply.result;
	}
	if (result.code == STORE_OK &&
		!xml_answer_read(reply.answer.body.data, reply.answer.body.length, "DeleteResult",
						 visit_refusal, refusals, &problem))
		result = store_failure(STORE_UNKNOWN_OUTCOME, NULL, "%s", problem);
	free(problem);
	bucket_reply_free(&reply);
	buffer_free(&body);
	return result;
}

StoreResult
s3_remove_batch(BucketSession *session, Leases *leases, char *const *keys, char *const *versions,
				size_t count, StoreResult *results)
{
	Refusals refusals = {.count = 0};
	StoreResult batch = send_batch(session, leases, keys, versions, count, &refusals);
	size_t i;

	for (i = 0; i < count && batch.code == STORE_OK; i++)
		results[i] = result_of(&refusals, keys[i], versions != NULL ? versions[i] : NULL);
	free_refusals(&refusals);
	return batch;
}
