/*-------------------------------------------------------------------------
 *
 * bucket_read.c
 *	  Read objects of a bucket, piece by piece.
 *
 * A reader gets as much as it asks for, in order, and may stop for long in
 * between.  So an object is asked for in ranges of some megabytes, each of
 * which is held in memory: most objects of a repository are one.  All ranges
 * are of the version that the first one was of.
 *
 *-------------------------------------------------------------------------
 */
#include "bucket_storage.h"

#include <stdlib.h>
#include <string.h>

#include "bucket_read.h"
#include "memory.h"

#define PIECE_BYTES (8 * 1024 * 1024)

typedef struct BucketReader
{
	StoreReader reader; /* first */
	BucketStorage *bucket;
	char *path;
	char version[STORE_VERSION_SIZE];
	uint64_t next; /* offset of the piece after this one */
	uint64_t end;  /* offset behind the last byte to be read */
	Buffer piece;
	size_t taken; /* of the piece */
} BucketReader;

StoreResult
bucket_version_of(const BucketStorage *bucket, const HttpAnswer *answer, char *version, size_t size)
{
	const char *tag = http_header(answer, bucket->dialect->version);

	if (tag == NULL || strlen(tag) >= size)
		return store_failure(STORE_FAILED, NULL, "the server does not say which version it is");
	memcpy(version, tag, strlen(tag) + 1);
	return store_ok();
}

/* A number and nothing behind it. */
static bool
parse_bytes(const char *text, uint64_t *bytes)
{
	char *end;

	if (text == NULL || text[0] < '0' || text[0] > '9')
		return false;
	*bytes = strtoull(text, &end, 10);
	return *end == '\0';
}

/* How long an object is of which a part was asked for. */
static StoreResult
whole_length(const HttpAnswer *answer, uint64_t *total)
{
	const char *range = http_header(answer, "content-range");
	const char *slash = range != NULL ? strrchr(range, '/') : NULL;

	if (answer->status != 206 || slash == NULL || !parse_bytes(slash + 1, total))
		return store_failure(STORE_UNSUPPORTED, NULL,
							 "the server does not answer with the part that it was asked for");
	return store_ok();
}

static bool
drop_content(void *argument, const void *data, size_t length)
{
	(void) argument;
	(void) data;
	(void) length;
	return true;
}

/*
 * By GET of the first byte: an answer to HEAD has no body, so it cannot say in
 * the words of the store that there is no such object.  HEAD is for one without a
 * byte, which is known to be there then.
 */
StoreResult
bucket_head(Storage *storage, const char *path, StoreInfo *info)
{
	BucketStorage *bucket = (BucketStorage *) storage;
	const StoreSign sign = {.header = bucket->dialect->version};
	const HttpPair first = {"range", "bytes=0-0"};
	BucketRequest get = {
		.method = "GET", .headers = &first, .header_count = 1, .sign = sign, .sink = drop_content};
	BucketRequest head = {.method = "HEAD", .sign = sign};
	StoreResult result;
	BucketReply reply;

	bucket_reply_init(&reply);
	result = bucket_send_for(bucket, path, &get, &reply);
	if (result.code == STORE_OK)
		result = whole_length(&reply.answer, &info->bytes);
	else if (result.code == STORE_DAMAGED)
	{
		result = bucket_send_for(bucket, path, &head, &reply);
		info->bytes = 0;
	}
	if (result.code == STORE_OK)
		result = bucket_version_of(bucket, &reply.answer, info->version, sizeof(info->version));
	info->age = answer_age(&reply.answer, http_header(&reply.answer, "last-modified"));
	bucket_reply_free(&reply);
	return result;
}

static bool
take_piece(void *argument, const void *data, size_t length)
{
	Buffer *piece = argument;

	if (piece->length + length > PIECE_BYTES)
		return false;
	buffer_append(piece, data, length);
	return true;
}

static void
forget_piece(void *argument)
{
	buffer_reset(argument);
}

/*
 * The piece from reader->next on, of this version if one is known.  *total: how
 * long the object is.
 */
static StoreResult
get_piece(BucketReader *reader, uint64_t *total)
{
	uint64_t last =
		reader->end - reader->next > PIECE_BYTES ? reader->next + PIECE_BYTES - 1 : reader->end - 1;
	char *range =
		xasprintf("bytes=%llu-%llu", (unsigned long long) reader->next, (unsigned long long) last);
	const HttpPair headers[] = {{"range", range},
								{reader->bucket->dialect->only_this, reader->version}};
	BucketRequest request = {.method = "GET",
							 .headers = headers,
							 .header_count = reader->version[0] != '\0' ? 2 : 1,
							 .sign = {.header = reader->bucket->dialect->version},
							 .sink = take_piece,
							 .again = forget_piece,
							 .argument = &reader->piece};
	StoreResult result;
	BucketReply reply;

	bucket_reply_init(&reply);
	result = bucket_send_for(reader->bucket, reader->path, &request, &reply);
	if (result.code == STORE_EXISTS) /* as 412 reads when nothing must be there */
		result = store_failure(STORE_DAMAGED, NULL, "it was replaced while it was read");
	else if (result.code == STORE_OK)
		result = whole_length(&reply.answer, total);
	if (result.code == STORE_OK && reader->version[0] == '\0')
		result = bucket_version_of(reader->bucket, &reply.answer, reader->version,
								   sizeof(reader->version));
	bucket_reply_free(&reply);
	free(range);
	reader->taken = 0;
	reader->next += reader->piece.length;
	return result;
}

static StoreResult
read_on(StoreReader *of, char *into, size_t length)
{
	BucketReader *reader = (BucketReader *) of;

	while (length > 0)
	{
		size_t here = reader->piece.length - reader->taken;

		if (here == 0)
		{
			StoreResult result = store_ok();
			uint64_t total;

			if (reader->next < reader->end)
				result = get_piece(reader, &total);
			if (result.code != STORE_OK)
				return result;
			if (reader->piece.length == 0 || reader->taken == reader->piece.length)
				return store_failure(STORE_DAMAGED, NULL, "it is too short");
			continue;
		}
		if (here > length)
			here = length;
		memcpy(into, reader->piece.data + reader->taken, here);
		reader->taken += here;
		into += here;
		length -= here;
	}
	return store_ok();
}

static void
close_reader(StoreReader *of)
{
	BucketReader *reader = (BucketReader *) of;

	buffer_free(&reader->piece);
	free(reader->path);
	free(reader);
}

/* No range begins in an object without a byte, or behind its end. */
static StoreResult
get_nothing(BucketReader *reader, uint64_t offset, uint64_t length, StoreInfo *info)
{
	StoreResult result = bucket_head(&reader->bucket->storage, reader->path, info);

	if (result.code == STORE_OK &&
		(info->bytes < offset || (length != STORE_TO_END && info->bytes - offset < length)))
		result = store_failure(STORE_DAMAGED, NULL, "it is too short");
	reader->end = reader->next = offset;
	return result;
}

static StoreResult
get_first(BucketReader *reader, uint64_t offset, uint64_t length, StoreInfo *info)
{
	StoreResult result;
	uint64_t total;

	reader->next = offset;
	reader->end = length == STORE_TO_END ? UINT64_MAX : offset + length;
	if (length == 0)
		return get_nothing(reader, offset, length, info);
	result = get_piece(reader, &total);
	if (result.code == STORE_DAMAGED)
		return get_nothing(reader, offset, length, info);
	if (result.code != STORE_OK)
		return result;
	info->bytes = total;
	info->age = -1;
	memcpy(info->version, reader->version, sizeof(info->version));
	if (length == STORE_TO_END)
		reader->end = total;
	if (reader->end > total)
		return store_failure(STORE_DAMAGED, NULL, "it is too short");
	return store_ok();
}

StoreResult
bucket_get(Storage *storage, const char *path, uint64_t offset, uint64_t length,
		   StoreReader **reader, StoreInfo *info)
{
	BucketReader *made = xcalloc(1, sizeof(*made));
	StoreResult result;

	made->reader = (StoreReader){.read = read_on, .close = close_reader};
	made->bucket = (BucketStorage *) storage;
	made->path = xstrdup(path);
	buffer_init(&made->piece);
	result = get_first(made, offset, length, info);
	if (result.code == STORE_OK)
		*reader = &made->reader;
	else
		close_reader(&made->reader);
	return result;
}
