/*-------------------------------------------------------------------------
 *
 * sftp_read.c
 *	  Read files on an SFTP server, piece by piece.
 *
 * A reader gets as much as it asks for, in order, and may stop for long in
 * between.  So a piece of some megabytes is asked for at once, by many requests,
 * and held in memory: most objects of a repository are one.  No handle stays
 * open between pieces, so the session may end there; that it is the same file
 * then, its length and time say.
 *
 * A path is looked at before it is opened: opening a FIFO would hold up the
 * server, and a link would lead elsewhere.
 *
 *-------------------------------------------------------------------------
 */
#include "sftp_read.h"

#include <stdlib.h>
#include <string.h>

#include "memory.h"
#include "sftp_clock.h"
#include "sftp_directories.h"

#define MUCH_CONTENT (64 * 1024)
#define PIECE_BYTES (8 * 1024 * 1024)
#define SHORT_ROUNDS 64 /* in which a server may give less than it was asked for */

typedef struct SftpReader
{
	StoreReader reader; /* first */
	SftpStorage *sftp;
	char *path;
	bool seen; /* what it was like at first: */
	SftpAttributes first;
	uint64_t next; /* offset of the piece after this one */
	uint64_t end;  /* offset behind the last byte to be read */
	char *piece;
	size_t piece_length;
	size_t taken; /* of the piece */
} SftpReader;

static StoreResult
too_short(void)
{
	return store_failure(STORE_DAMAGED, NULL, "it is shorter than it should be");
}

/* Look at a file; it must be one. */
static StoreResult
look_at_file(SftpSession *session, SftpStorage *sftp, const char *path, SftpAttributes *attributes)
{
	StoreResult result = sftp_check_directories(session, sftp, path, false);

	memset(attributes, 0, sizeof(*attributes));
	if (result.code == STORE_OK)
		result = sftp_look(session, sftp, path, attributes);
	if (result.code == STORE_OK && !sftp_is_file(attributes))
		result = store_failure(STORE_DAMAGED, NULL, "it is not a regular file");
	return result;
}

typedef struct Head
{
	SftpStorage *sftp;
	const char *path;
	SftpAttributes attributes;
} Head;

static StoreResult
head_once(SftpSession *session, void *argument)
{
	Head *head = argument;

	return look_at_file(session, head->sftp, head->path, &head->attributes);
}

StoreResult
sftp_head(Storage *storage, const char *path, StoreInfo *info)
{
	SftpStorage *sftp = (SftpStorage *) storage;
	Head head = {.sftp = sftp, .path = path};
	SftpWork work = {.once = head_once, .argument = &head};
	StoreResult result = sftp_do(sftp->link, &work);

	*info = (StoreInfo){.age = -1};
	if (result.code == STORE_OK)
	{
		info->bytes = head.attributes.size;
		info->age = sftp_age(sftp, &head.attributes);
	}
	return result;
}

/* One request for a part of a piece. */
static void
ask_part(SftpSession *session, SftpRequest *request, const Buffer *handle, uint64_t offset,
		 char *into, size_t length)
{
	sftp_request_init(request, SFTP_READ);
	sftp_put_bytes(&request->packet, handle->data, handle->length);
	sftp_put_long(&request->packet, offset);
	sftp_put_number(&request->packet, (uint32_t) length);
	request->into = into;
	request->wanted = length;
	sftp_send(session, request);
}

/* What is wrong with an answer to a part; one that is short is asked for again. */
static StoreResult
judge_part(SftpRequest *request, int outcome)
{
	if (outcome == SFTP_EOF)
		return too_short();
	return sftp_result(request, outcome);
}

/* Read `length` bytes from `offset` of an open file. */
static StoreResult
read_parts(SftpSession *session, const Buffer *handle, uint64_t offset, char *into, size_t length)
{
	size_t size = sftp_session_piece(session);
	size_t count = (length + size - 1) / size;
	SftpRequest *requests = xcalloc(count + 1, sizeof(SftpRequest));
	size_t *had = xcalloc(count + 1, sizeof(size_t));
	StoreResult result = store_ok();
	bool whole = false;
	int round;
	size_t i;

	for (round = 0; result.code == STORE_OK && !whole && round < SHORT_ROUNDS; round++)
	{
		whole = true;
		for (i = 0; i < count; i++)
		{
			size_t begin = i * size;
			size_t wanted = length - begin < size ? length - begin : size;

			requests[i].sent = false;
			if (had[i] < wanted)
				ask_part(session, &requests[i], handle, offset + begin + had[i],
						 into + begin + had[i], wanted - had[i]);
			else
				requests[i].packet.data = NULL;
		}
		for (i = 0; i < count; i++)
		{
			if (requests[i].packet.data == NULL)
				continue;
			if (result.code == STORE_OK)
				result = judge_part(&requests[i], sftp_outcome(session, &requests[i]));
			else
				sftp_wait(session, &requests[i]);
			had[i] += requests[i].got;
			whole = whole && requests[i].got == requests[i].wanted;
			sftp_request_free(&requests[i]);
		}
	}
	if (result.code == STORE_OK && !whole)
		result = store_failure(STORE_FAILED, NULL, "the server gives it in crumbs");
	free(had);
	free(requests);
	return result;
}

/* Ask for it to be opened; the answer is the handle. */
static void
send_open(SftpSession *session, SftpStorage *sftp, const char *path, uint32_t how,
		  SftpRequest *request)
{
	sftp_request_for(sftp, request, SFTP_OPEN, path);
	sftp_put_number(&request->packet, how);
	sftp_put_number(&request->packet, 0);
	sftp_send(session, request);
}

/* Read from a file that was looked at. */
static StoreResult
read_part(SftpSession *session, SftpStorage *sftp, const char *path, uint64_t offset, char *into,
		  size_t length)
{
	SftpRequest request;
	StoreResult result;

	send_open(session, sftp, path, SFTP_READING, &request);
	result = sftp_result(&request, sftp_outcome(session, &request));
	if (result.code == STORE_OK)
	{
		result = read_parts(session, &request.answer, offset, into, length);
		sftp_close_and_leave(session, &request.answer);
	}
	sftp_request_free(&request);
	return result;
}

StoreResult
sftp_read_file(SftpSession *session, SftpStorage *sftp, const char *path, uint64_t limit,
			   Buffer *content, SftpAttributes *attributes)
{
	StoreResult result = look_at_file(session, sftp, path, attributes);
	size_t length = (size_t) attributes->size;

	if (result.code == STORE_OK && attributes->size > limit)
		result = store_failure(STORE_DAMAGED, NULL, "it is larger than it can be");
	if (result.code != STORE_OK)
		return result;
	buffer_reserve(content, length);
	result = read_part(session, sftp, path, 0, content->data + content->length, length);
	if (result.code == STORE_OK)
		content->length += length;
	content->data[content->length] = '\0';
	return result;
}

StoreResult
sftp_read_again(SftpSession *session, SftpStorage *sftp, const char *path, uint64_t limit,
				Buffer *content, SftpAttributes *attributes, Buffer *handle)
{
	SftpRequest request;
	StoreResult result;
	size_t length;
	int outcome;

	send_open(session, sftp, path, SFTP_READING | (handle != NULL ? SFTP_WRITING : 0), &request);
	result = look_at_file(session, sftp, path, attributes);
	if (result.code == STORE_OK && attributes->size > limit)
		result = store_failure(STORE_DAMAGED, NULL, "it is larger than it can be");
	outcome = sftp_outcome(session, &request);
	if (result.code == STORE_OK)
		result = sftp_result(&request, outcome);
	length = (size_t) attributes->size;
	if (result.code == STORE_OK)
	{
		buffer_reserve(content, length);
		result = read_parts(session, &request.answer, 0, content->data + content->length, length);
	}
	if (result.code == STORE_OK)
	{
		content->length += length;
		content->data[content->length] = '\0';
	}
	if (result.code == STORE_OK && handle != NULL)
		buffer_append(handle, request.answer.data, request.answer.length);
	else if (outcome == SFTP_OK)
		sftp_close_and_leave(session, &request.answer);
	sftp_request_free(&request);
	return result;
}

/* The same file as at first? */
static StoreResult
compare_with_first(SftpReader *reader, const SftpAttributes *attributes)
{
	if (reader->seen &&
		(attributes->size != reader->first.size || attributes->modified != reader->first.modified))
		return store_failure(STORE_DAMAGED, NULL, "it was replaced while it was read");
	reader->first = *attributes;
	reader->seen = true;
	if (reader->end == UINT64_MAX)
		reader->end = attributes->size;
	if (reader->end > attributes->size || reader->next > reader->end)
		return too_short();
	return store_ok();
}

/* The piece from reader->next on. */
static StoreResult
piece_once(SftpSession *session, void *argument)
{
	SftpReader *reader = argument;
	SftpAttributes attributes;
	StoreResult result = look_at_file(session, reader->sftp, reader->path, &attributes);

	if (result.code == STORE_OK)
		result = compare_with_first(reader, &attributes);
	if (result.code != STORE_OK)
		return result;
	reader->piece_length = reader->end - reader->next > PIECE_BYTES
							   ? PIECE_BYTES
							   : (size_t) (reader->end - reader->next);
	free(reader->piece);
	reader->piece = xmalloc(reader->piece_length + 1);
	return read_part(session, reader->sftp, reader->path, reader->next, reader->piece,
					 reader->piece_length);
}

static StoreResult
get_piece(SftpReader *reader)
{
	SftpWork work = {.once = piece_once,
					 .argument = reader,
					 .content = reader->next > 0 || reader->end - reader->next >= MUCH_CONTENT};
	StoreResult result = sftp_do(reader->sftp->link, &work);

	reader->taken = 0;
	if (result.code == STORE_OK)
		reader->next += reader->piece_length;
	else
		reader->piece_length = 0;
	return result;
}

static StoreResult
read_on(StoreReader *of, char *into, size_t length)
{
	SftpReader *reader = (SftpReader *) of;

	while (length > 0)
	{
		size_t here = reader->piece_length - reader->taken;

		if (here == 0)
		{
			StoreResult result = reader->next < reader->end ? get_piece(reader) : too_short();

			if (result.code != STORE_OK)
				return result;
			continue;
		}
		if (here > length)
			here = length;
		memcpy(into, reader->piece + reader->taken, here);
		reader->taken += here;
		into += here;
		length -= here;
	}
	return store_ok();
}

static void
close_reader(StoreReader *of)
{
	SftpReader *reader = (SftpReader *) of;

	free(reader->piece);
	free(reader->path);
	free(reader);
}

StoreResult
sftp_get(Storage *storage, const char *path, uint64_t offset, uint64_t length, StoreReader **reader,
		 StoreInfo *info)
{
	SftpReader *made = xcalloc(1, sizeof(*made));
	StoreResult result;

	made->reader = (StoreReader){.read = read_on, .close = close_reader};
	made->sftp = (SftpStorage *) storage;
	made->path = xstrdup(path);
	made->next = offset;
	if (length == STORE_TO_END)
		made->end = UINT64_MAX;
	else
		made->end = length < UINT64_MAX - 1 - offset ? offset + length : UINT64_MAX - 1;
	result = get_piece(made);
	*info = (StoreInfo){.bytes = made->first.size, .age = -1};
	if (result.code == STORE_OK)
		*reader = &made->reader;
	else
		close_reader(&made->reader);
	return result;
}
