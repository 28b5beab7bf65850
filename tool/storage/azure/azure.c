/*-------------------------------------------------------------------------
 *
 * azure.c
 *	  Containers of Azure Blob Storage: how requests are signed, what a
 *	  listing is called.
 *
 *-------------------------------------------------------------------------
 */
#include "azure.h"

#include <stdlib.h>
#include <string.h>

#include "azure_sign.h"
#include "memory.h"
#include "url_text.h"

/* Of the protocol.  It knows all that is needed here, and so do the clouds that run older servers.
 */
#define VERSION "2021-08-06"

/* The server, and the path as it is sent: the account's name is in one of them.  Caller frees both.
 */
static void
find_place(const BucketAddress *address, const BucketRequest *request, char **host, char **path)
{
	const char *authority =
		address->authority != NULL ? address->authority : "blob.core.windows.net";
	Buffer text;

	buffer_init(&text);
	if (address->name_in_host)
		*host = xasprintf("%s.%s", address->account, authority);
	else
	{
		*host = xstrdup(authority);
		buffer_printf(&text, "/%s", address->account);
	}
	buffer_append_char(&text, '/');
	url_append_encoded(address->bucket, false, &text);
	if (request->key[0] != '\0')
	{
		buffer_append_char(&text, '/');
		url_append_encoded(request->key, true, &text);
	}
	*path = buffer_detach(&text);
}

static void
add_headers(const BucketRequest *request, const Signing *signing, WireRequest *wire)
{
	char time[AZURE_TIME_SIZE];

	azure_time(signing->now, time);
	wire_add(wire, "x-ms-date", time);
	wire_add(wire, "x-ms-version", VERSION);
	if (strcmp(request->method, "PUT") == 0 && request->query_count == 0)
		wire_add(wire, "x-ms-blob-type", "BlockBlob");
	wire_add_all(wire, request);
}

/* "Bearer TOKEN", or the signature. */
static bool
authorize(const BucketAddress *address, const BucketRequest *request, const Signing *signing,
		  const char *path, WireRequest *wire)
{
	const AzureRequest to_sign = {.method = request->method,
								  .account = address->account,
								  .path = path,
								  .query = request->query,
								  .query_count = request->query_count,
								  .headers = wire->headers,
								  .header_count = wire->header_count,
								  .body_length = request->body_length};
	Buffer value;
	bool made = true;

	buffer_init(&value);
	if (signing->keys.kind == ACCESS_BEARER)
		buffer_printf(&value, "Bearer %s", signing->keys.token);
	else
		made = azure_append_authorization(&to_sign, signing->keys.secret_key, &value);
	if (made)
		wire_add(wire, "Authorization", value.data);
	if (value.data != NULL)
		explicit_bzero(value.data, value.length);
	buffer_free(&value);
	return made;
}

static bool
azure_sign(const BucketAddress *address, const BucketRequest *request, const Signing *signing,
		   WireRequest *wire)
{
	bool by_query = signing->keys.kind == ACCESS_QUERY;
	char *host;
	char *path;
	bool made;

	find_place(address, request, &host, &path);
	wire->origin = xasprintf("%s://%s", address->scheme, host);
	buffer_append_string(&wire->target, path);
	if (request->query_count > 0)
	{
		buffer_append_char(&wire->target, '?');
		url_append_query(request->query, request->query_count, &wire->target);
	}
	if (by_query)
		buffer_printf(&wire->target, "%c%s", request->query_count > 0 ? '&' : '?',
					  signing->keys.token);
	add_headers(request, signing, wire);
	made = by_query || authorize(address, request, signing, path, wire);
	free(host);
	free(path);
	return made;
}

#define BLOBS "EnumerationResults/Blobs/"

static const HttpPair list_query[] = {{"restype", "container"}, {"comp", "list"}};

/* Where accounts have directories of their own, these are listed as well, as if they were blobs. */
static const ListWords list_words = {.query = list_query,
									 .query_count = 2,
									 .token = "marker",
									 .root = "EnumerationResults",
									 .object = BLOBS "Blob",
									 .name = BLOBS "Blob/Name",
									 .bytes = BLOBS "Blob/Properties/Content-Length",
									 .modified = BLOBS "Blob/Properties/Last-Modified",
									 .version = BLOBS "Blob/Properties/Etag",
									 .kind = BLOBS "Blob/Properties/ResourceType",
									 .directory = BLOBS "BlobPrefix",
									 .directory_name = BLOBS "BlobPrefix/Name",
									 .next = "EnumerationResults/NextMarker"};

static const FileLockWords lock_words = {.mode = "x-ms-immutability-policy-mode",
										 .until = "x-ms-immutability-policy-until-date",
										 .modes = {"Unlocked", "Locked"},
										 .time_text = azure_time,
										 .query = {"comp", "immutabilityPolicies"},
										 .sign = "x-ms-immutability-policy-until-date"};

const BucketDialect azure_dialect = {.scheme = "azure",
									 .sign = azure_sign,
									 .errors = &azure_errors,
									 .list = &list_words,
									 .version = "etag",
									 .only_new = {"if-none-match", "*"},
									 .only_this = "if-match",
									 .lock = &lock_words,
									 .old_version = "x-ms-version-id",
									 .md5 = true};
