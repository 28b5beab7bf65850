/*-------------------------------------------------------------------------
 *
 * sftp_fill.c
 *	  New files on an SFTP server, and their content.
 *
 *-------------------------------------------------------------------------
 */
#include "sftp_fill.h"

#include <stdlib.h>
#include <string.h>

#include "memory.h"
#include "sftp_clock.h"
#include "sftp_directories.h"

#define FILE_MODE 0600

/* What is asked for of an open file: its pieces, its length, fsync, and to close it. */
typedef struct Filling
{
	SftpRequest *requests;
	size_t count;
} Filling;

static SftpRequest *
next_request(Filling *filling, SftpType type, const Buffer *handle)
{
	SftpRequest *request = &filling->requests[filling->count++];

	sftp_request_init(request, type);
	if (type != SFTP_EXTENDED)
		sftp_put_bytes(&request->packet, handle->data, handle->length);
	return request;
}

/* Send the content; no more of it once something of it was refused. */
static void
send_content(SftpSession *session, Filling *filling, const Buffer *handle, const char *content,
			 uint64_t length)
{
	size_t size = sftp_session_piece(session);
	size_t looked = 0;
	uint64_t done = 0;

	while (done < length && sftp_session_alive(session))
	{
		size_t piece = length - done < size ? (size_t) (length - done) : size;
		SftpRequest *request = next_request(filling, SFTP_WRITE, handle);

		sftp_put_long(&request->packet, done);
		sftp_put_number(&request->packet, (uint32_t) piece);
		request->content = content + done;
		request->length = piece;
		sftp_send(session, request);
		done += piece;
		for (; looked < filling->count && sftp_is_answered(session, &filling->requests[looked]);
			 looked++)
		{
			if (filling->requests[looked].status != SFTP_OK)
				return;
		}
	}
}

/* Answered, that is, once all are. */
static StoreResult
judge_filling(SftpSession *session, Filling *filling, uint64_t length, SftpAttributes *written)
{
	StoreResult result = store_ok();
	size_t i;

	for (i = 0; i < filling->count; i++)
	{
		SftpRequest *request = &filling->requests[i];
		int outcome = sftp_outcome(session, request);

		if (result.code == STORE_OK)
			result = sftp_result(request, outcome);
		if (result.code == STORE_OK && request->type == SFTP_ATTRS)
			result = sftp_attributes_of(request, written);
		sftp_request_free(request);
	}
	if (result.code == STORE_OK && (!written->has_size || written->size != length))
		result = store_failure(STORE_FAILED, NULL, "not all of it was written");
	return result;
}

StoreResult
sftp_fill(SftpSession *session, SftpStorage *sftp, const Buffer *handle, const void *content,
		  uint64_t length, bool lasting)
{
	size_t most = (size_t) (length / sftp_session_piece(session)) + 4;
	Filling filling = {.requests = xcalloc(most, sizeof(SftpRequest))};
	SftpAttributes written = {.has_size = false};
	StoreResult result;
	SftpRequest *request;

	send_content(session, &filling, handle, content, length);
	if (lasting && !sftp_session_can(session, SFTP_FSYNC))
		sftp_say_lack(sftp, LACKS_FSYNC);
	else if (lasting)
	{
		request = next_request(&filling, SFTP_EXTENDED, handle);
		sftp_put_text(&request->packet, sftp_extension_name(SFTP_FSYNC));
		sftp_put_bytes(&request->packet, handle->data, handle->length);
		sftp_send(session, request);
	}
	sftp_send(session, next_request(&filling, SFTP_FSTAT, handle));
	sftp_send(session, next_request(&filling, SFTP_CLOSE, handle));
	result = judge_filling(session, &filling, length, &written);
	free(filling.requests);
	if (result.code == STORE_OK)
		sftp_note_clock(sftp, &written);
	return result;
}

/* The directory of a path is not where it was. */
static void
forget_parent(SftpStorage *sftp, const char *path)
{
	const char *slash = strrchr(path, '/');
	char *directory = xasprintf("%.*s", slash != NULL ? (int) (slash - path) : 0, path);

	sftp_forget_directory(sftp, directory);
	free(directory);
}

StoreResult
sftp_write_new(SftpSession *session, SftpStorage *sftp, const char *path, const char *unless,
			   const void *content, uint64_t length, bool lasting)
{
	SftpRequest request;
	SftpRequest look;
	StoreResult result;
	bool taken = false;
	int outcome;

	sftp_request_for(sftp, &request, SFTP_OPEN, path);
	sftp_put_number(&request.packet, SFTP_WRITING | SFTP_CREATING | SFTP_NEW_ONLY);
	sftp_put_mode(&request.packet, FILE_MODE);
	sftp_send(session, &request);
	if (unless != NULL)
	{
		sftp_request_for(sftp, &look, SFTP_LSTAT, unless);
		taken = sftp_ask(session, &look) == SFTP_OK;
		sftp_request_free(&look);
	}
	outcome = sftp_outcome(session, &request);
	result = sftp_result(&request, outcome);
	if (result.code == STORE_OK && taken)
	{
		sftp_close_and_leave(session, &request.answer);
		sftp_remove_and_leave(session, sftp, path);
		sftp_request_free(&request);
		return store_failure(STORE_EXISTS, NULL, "it is there already");
	}
	if (result.code == STORE_ABSENT)
		forget_parent(sftp, path);
	/* Version 3 has no code that says why. */
	if (outcome == SFTP_FAILURE && sftp_is_there(session, sftp, path))
		result = store_failure(STORE_EXISTS, NULL, "it is there already");
	if (result.code == STORE_OK)
	{
		result = sftp_fill(session, sftp, &request.answer, content, length, lasting);
		if (result.code != STORE_OK)
			sftp_remove_and_leave(session, sftp, path);
	}
	sftp_request_free(&request);
	return result.code == STORE_FAILED ? sftp_why_failed(session, sftp, length, &result) : result;
}

StoreResult
sftp_write_new_made(SftpSession *session, SftpStorage *sftp, const char *path, const char *unless,
					const void *content, uint64_t length, bool lasting)
{
	StoreResult result = sftp_check_directories(session, sftp, path, false);
	int tries;

	/* A second time if somebody removed the empty directory in between. */
	for (tries = 0; tries < 3; tries++)
	{
		if (result.code == STORE_OK)
			result = sftp_write_new(session, sftp, path, unless, content, length, lasting);
		if (result.code != STORE_ABSENT)
			break;
		result = sftp_make_directories(session, sftp, path);
	}
	return result;
}
