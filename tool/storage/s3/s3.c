/*-------------------------------------------------------------------------
 *
 * s3.c
 *	  Buckets of S3 and its compatibles: how requests are signed, what a
 *	  listing is called.
 *
 * The digest of the body is signed, so that the server refuses what was
 * changed on the way.
 *
 *-------------------------------------------------------------------------
 */
#include "s3.h"

#include <stdlib.h>
#include <string.h>

#include "digest.h"
#include "memory.h"
#include "utc_time.h"

/* Of a dialect: the headers that all requests have, and the service in the scope. */
typedef struct S3Words
{
	const char *date;
	const char *digest;
	const char *token;
	const char *service;
} S3Words;

static const S3Words words_of[] = {
	[SIG_AWS4] = {"x-amz-date", "x-amz-content-sha256", "x-amz-security-token", "s3"},
	[SIG_GOOG4] = {"x-goog-date", "x-goog-content-sha256", "x-goog-security-token", "storage"},
};

/* The headers of every request, and those of this one. */
static void
add_headers(const S3Words *words, const BucketRequest *request, const Signing *signing,
			const char *host, const char *digest, WireRequest *wire)
{
	char time[SIG_TIME_SIZE];

	sig_time(signing->now, time);
	wire_add(wire, "host", host);
	wire_add(wire, words->date, time);
	wire_add(wire, words->digest, digest);
	if (signing->keys.token != NULL)
		wire_add(wire, words->token, signing->keys.token);
	wire_add_all(wire, request);
}

static bool
digest_of(const BucketRequest *request, DigestHex digest)
{
	if (request->body_sha256 == NULL)
		return digest_buffer(request->body != NULL ? request->body : "", request->body_length,
							 digest);
	memcpy(digest, request->body_sha256, sizeof(DigestHex));
	return true;
}

/* A token in place of a signature, as Google has it. */
static bool
add_token(const BucketRequest *request, const Signing *signing, WireRequest *wire)
{
	char *value = xasprintf("Bearer %s", signing->keys.token);

	wire_add_all(wire, request);
	wire_add(wire, "Authorization", value);
	secret_text_free(value);
	return true;
}

/* Headers, and their signature; `target` has path and query. */
static bool
add_signature(SigDialect dialect, const char *host, const SigRequest *target,
			  const BucketRequest *request, const Signing *signing, WireRequest *wire)
{
	const SigCredentials credentials = {.dialect = dialect,
										.access_key = signing->keys.access_key,
										.secret_key = signing->keys.secret_key,
										.region = signing->region,
										.service = words_of[dialect].service};
	SigRequest to_sign = *target;
	DigestHex digest;
	Buffer authorization;
	bool made = digest_of(request, digest);

	buffer_init(&authorization);
	if (made)
	{
		add_headers(&words_of[dialect], request, signing, host, digest, wire);
		to_sign.method = request->method;
		to_sign.headers = wire->headers;
		to_sign.header_count = wire->header_count;
		to_sign.payload_sha256 = digest;
		to_sign.when = signing->now;
		made = sig_append_authorization(&credentials, &to_sign, &authorization);
	}
	if (made)
		wire_add(wire, "Authorization", authorization.data);
	buffer_free(&authorization);
	return made;
}

bool
s3_sign_for(SigDialect dialect, const BucketAddress *address, const char *server,
			const BucketRequest *request, const Signing *signing, WireRequest *wire)
{
	const char *authority = address->authority != NULL ? address->authority : server;
	char *host =
		address->name_in_host ? xasprintf("%s.%s", address->bucket, authority) : xstrdup(authority);
	char *path = address->name_in_host ? xasprintf("/%s", request->key)
									   : xasprintf("/%s/%s", address->bucket, request->key);
	const SigRequest target = {
		.path = path, .query = request->query, .query_count = request->query_count};
	bool made;

	wire->origin = xasprintf("%s://%s", address->scheme, host);
	sig_append_target(&target, &wire->target);
	if (signing->keys.kind == ACCESS_BEARER)
		made = add_token(request, signing, wire);
	else
		made = add_signature(dialect, host, &target, request, signing, wire);
	free(host);
	free(path);
	return made;
}

/* A region of AWS has its own server. */
static bool
s3_sign(const BucketAddress *address, const BucketRequest *request, const Signing *signing,
		WireRequest *wire)
{
	char *server = xasprintf("s3.%s.amazonaws.com", signing->region);
	bool made = s3_sign_for(SIG_AWS4, address, server, request, signing, wire);

	free(server);
	return made;
}

static const HttpPair list_query[] = {{"list-type", "2"}, {"encoding-type", "url"}};

const ListWords s3_list_words = {.query = list_query,
								 .query_count = 2,
								 .token = "continuation-token",
								 .root = "ListBucketResult",
								 .object = "ListBucketResult/Contents",
								 .name = "ListBucketResult/Contents/Key",
								 .bytes = "ListBucketResult/Contents/Size",
								 .modified = "ListBucketResult/Contents/LastModified",
								 .version = "ListBucketResult/Contents/ETag",
								 .generation = "ListBucketResult/Contents/Generation",
								 .directory = "ListBucketResult/CommonPrefixes",
								 .directory_name = "ListBucketResult/CommonPrefixes/Prefix",
								 .truncated = "ListBucketResult/IsTruncated",
								 .next = "ListBucketResult/NextContinuationToken",
								 .encoding = "ListBucketResult/EncodingType"};

#define VERSIONS "ListVersionsResult/"

static const HttpPair versions_query[] = {{"versions", ""}, {"encoding-type", "url"}};

static const ListWords versions_words = {.query = versions_query,
										 .query_count = 2,
										 .token = "key-marker",
										 .root = "ListVersionsResult",
										 .object = VERSIONS "Version",
										 .name = VERSIONS "Version/Key",
										 .bytes = VERSIONS "Version/Size",
										 .modified = VERSIONS "Version/LastModified",
										 .directory = VERSIONS "CommonPrefixes",
										 .directory_name = VERSIONS "CommonPrefixes/Prefix",
										 .truncated = VERSIONS "IsTruncated",
										 .next = VERSIONS "NextKeyMarker",
										 .encoding = VERSIONS "EncodingType",
										 .version_id = VERSIONS "Version/VersionId",
										 .removal = VERSIONS "DeleteMarker",
										 .second_token = "version-id-marker",
										 .second_next = VERSIONS "NextVersionIdMarker"};

static const FileLockWords lock_words = {.mode = "x-amz-object-lock-mode",
										 .until = "x-amz-object-lock-retain-until-date",
										 .modes = {"GOVERNANCE", "COMPLIANCE"},
										 .time_text = utc_time_write,
										 .query = {"retention", ""},
										 .xml = true,
										 .bucket_query = {"object-lock", ""},
										 .sign = "x-amz-request-id"};

const BucketDialect s3_dialect = {.scheme = "s3",
								  .sign = s3_sign,
								  .errors = &s3_errors,
								  .list = &s3_list_words,
								  .version = "etag",
								  .only_new = {"if-none-match", "*"},
								  .only_this = "if-match",
								  .lock = &lock_words,
								  .old_version = "x-amz-version-id",
								  .versions = &versions_words,
								  .remove_batch = s3_remove_batch};
