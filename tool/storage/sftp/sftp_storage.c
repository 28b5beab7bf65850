/*-------------------------------------------------------------------------
 *
 * sftp_storage.c
 *	  What the parts of the driver for SFTP servers share.
 *
 *-------------------------------------------------------------------------
 */
#include "sftp_storage.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "memory.h"

/* Less than this free beside what is to be written: the disk is called full. */
#define SPARE_BYTES (1024 * 1024)

char *
sftp_path(const SftpStorage *sftp, const char *path)
{
	size_t length = strlen(sftp->base);

	if (strcmp(path, ".") != 0)
		return xasprintf("%s%s", sftp->base, path);
	if (length == 0)
		return xstrdup(".");
	return xasprintf("%.*s", (int) (length > 1 ? length - 1 : 1), sftp->base);
}

void
sftp_request_for(const SftpStorage *sftp, SftpRequest *request, SftpType type, const char *path)
{
	char *whole = sftp_path(sftp, path);

	sftp_request_init(request, type);
	sftp_put_text(&request->packet, whole);
	free(whole);
}

/* The process id alone is not enough: other machines have the same ones. */
char *
sftp_temporary(const SftpStorage *sftp, const char *path)
{
	static _Atomic unsigned counter;

	return xasprintf("%s.%ld-%s-%u.tmp", path, (long) getpid(), sftp->nonce,
					 atomic_fetch_add(&counter, 1));
}

/* ---- results ---- */

static const char *
operation_name(const SftpRequest *request)
{
	static const struct
	{
		SftpType type;
		const char *name;
	} names[] = {{SFTP_OPEN, "open"},       {SFTP_CLOSE, "close"},     {SFTP_READ, "read"},
				 {SFTP_WRITE, "write"},     {SFTP_LSTAT, "lstat"},     {SFTP_FSTAT, "fstat"},
				 {SFTP_OPENDIR, "opendir"}, {SFTP_READDIR, "readdir"}, {SFTP_REMOVE, "remove"},
				 {SFTP_MKDIR, "mkdir"},     {SFTP_RMDIR, "rmdir"},     {SFTP_STAT, "stat"},
				 {SFTP_RENAME, "rename"}};
	const unsigned char type = (unsigned char) request->packet.data[4];
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
	{
		if (names[i].type == type)
			return names[i].name;
	}
	return "an extension";
}

/* May something have changed if the answer is lost?  A temporary file does not count. */
static bool
changes_names(const SftpRequest *request)
{
	const unsigned char type = (unsigned char) request->packet.data[4];

	return request->sent && (type == SFTP_REMOVE || type == SFTP_RENAME || type == SFTP_EXTENDED);
}

StoreResult
sftp_result(const SftpRequest *request, int outcome)
{
	const char *operation = operation_name(request);
	const char *text = request->text[0] != '\0' ? request->text : "no reason is given";

	switch (outcome)
	{
		case SFTP_OK:
			return store_ok();
		case SFTP_ENDED:
			return store_failure(changes_names(request) ? STORE_UNKNOWN_OUTCOME : STORE_UNREACHABLE,
								 NULL, "the connection has ended");
		case SFTP_NO_SUCH_FILE:
			return store_failure(STORE_ABSENT, NULL, "%s: %s", operation, text);
		case SFTP_PERMISSION_DENIED:
			return store_failure(STORE_DENIED,
								 "On the server, the directory and all in it must belong to the "
								 "user who logs in there.",
								 "%s: %s", operation, text);
		case SFTP_OP_UNSUPPORTED:
			return store_failure(STORE_UNSUPPORTED, NULL, "%s: %s", operation, text);
		default:
			return store_failure(STORE_FAILED, NULL, "%s: %s (code %d)", operation, text, outcome);
	}
}

StoreResult
sftp_attributes_of(const SftpRequest *request, SftpAttributes *attributes)
{
	SftpBytes bytes = {(const unsigned char *) request->answer.data, request->answer.length};

	if (request->type != SFTP_ATTRS || !sftp_take_attributes(&bytes, attributes))
		return store_failure(STORE_FAILED, NULL, "%s: the server's answer cannot be read",
							 operation_name(request));
	return store_ok();
}

StoreResult
sftp_look(SftpSession *session, const SftpStorage *sftp, const char *path,
		  SftpAttributes *attributes)
{
	SftpRequest request;
	StoreResult result;
	int outcome;

	sftp_request_for(sftp, &request, SFTP_LSTAT, path);
	outcome = sftp_ask(session, &request);
	result = sftp_result(&request, outcome);
	if (result.code == STORE_OK)
		result = sftp_attributes_of(&request, attributes);
	sftp_request_free(&request);
	return result;
}

bool
sftp_is_there(SftpSession *session, const SftpStorage *sftp, const char *path)
{
	SftpAttributes attributes;

	return sftp_look(session, sftp, path, &attributes).code == STORE_OK;
}

void
sftp_remove_and_leave(SftpSession *session, const SftpStorage *sftp, const char *path)
{
	SftpRequest request;

	sftp_request_for(sftp, &request, SFTP_REMOVE, path);
	sftp_send_and_leave(session, &request);
}

void
sftp_close_and_leave(SftpSession *session, const Buffer *handle)
{
	SftpRequest request;

	sftp_request_init(&request, SFTP_CLOSE);
	sftp_put_bytes(&request.packet, handle->data, handle->length);
	sftp_send_and_leave(session, &request);
}

/* ---- space ---- */

bool
sftp_free_space(SftpSession *session, const SftpStorage *sftp, uint64_t *free_bytes)
{
	char *root = sftp_path(sftp, ".");
	uint64_t values[5] = {0}; /* bsize, frsize, blocks, bfree, bavail */
	bool good = sftp_session_can(session, SFTP_STATVFS);
	SftpRequest request;
	SftpBytes bytes;
	size_t i;

	sftp_request_init(&request, SFTP_EXTENDED);
	sftp_put_text(&request.packet, sftp_extension_name(SFTP_STATVFS));
	sftp_put_text(&request.packet, root);
	good = good && sftp_ask(session, &request) == SFTP_OK && request.type == SFTP_EXTENDED_REPLY;
	bytes = (SftpBytes){(const unsigned char *) request.answer.data, request.answer.length};
	for (i = 0; good && i < 5; i++)
		good = sftp_take_long(&bytes, &values[i]);
	good = good && !__builtin_mul_overflow(values[4], values[1], free_bytes);
	sftp_request_free(&request);
	free(root);
	return good;
}

/* "Failure" is what version 3 calls a full disk, and nearly all else. */
StoreResult
sftp_why_failed(SftpSession *session, const SftpStorage *sftp, uint64_t length,
				const StoreResult *failure)
{
	uint64_t free_bytes;

	if (sftp_free_space(session, sftp, &free_bytes) && free_bytes < length + SPARE_BYTES)
		return store_failure(STORE_FULL,
							 "Free some space in the repository, for instance with \"nex_backup "
							 "expire\". Nothing was published; the same command can be run again.",
							 "there is no space on the server (%.100s)", failure->text);
	return store_failure(STORE_FAILED,
						 "The server does not say more: it may be a quota, or its disk. Look at "
						 "\"df\", \"quota\" and the log there.",
						 "%s", failure->text);
}

/* ---- what a server lacks ---- */

static const struct
{
	SftpLack lack;
	const char *text;
} lack_texts[] = {
	{LACKS_FSYNC, "it has no fsync@openssh.com: what is answered may not be on its disk yet"},
	{LACKS_REPLACE,
	 "it has no posix-rename@openssh.com: for a moment, a file that is replaced is not there"},
	{LACKS_NEW_NAME,
	 "it has neither hardlink@openssh.com nor a rename that refuses to replace: only leases keep "
	 "two programs from giving one name"},
};

/* Where it is in lack_texts. */
static size_t
place_of(SftpLack lack)
{
	size_t i;

	for (i = 0; lack_texts[i].lack != lack; i++)
		;
	return i;
}

void
sftp_say_lack(SftpStorage *sftp, SftpLack lack)
{
	bool said;

	pthread_mutex_lock(&sftp->lock);
	said = (sftp->lacks & lack) != 0;
	sftp->lacks |= lack;
	pthread_mutex_unlock(&sftp->lock);
	if (!said)
		log_warning("the server of \"%s\" can do less than a disk: %s", sftp->location,
					lack_texts[place_of(lack)].text);
}

void
sftp_list_lacks(SftpSession *session, SftpStorage *sftp, const char *texts[STORE_LACKS])
{
	unsigned lacks = 0;
	size_t count = 0;
	size_t i;

	if (!sftp_session_can(session, SFTP_FSYNC))
		lacks |= LACKS_FSYNC;
	if (!sftp_session_can(session, SFTP_POSIX_RENAME))
		lacks |= LACKS_REPLACE;
	pthread_mutex_lock(&sftp->lock);
	if (sftp->new_name == NAME_BY_LOOKING)
		lacks |= LACKS_NEW_NAME;
	sftp->lacks |= lacks; /* who shows them need not be warned */
	pthread_mutex_unlock(&sftp->lock);
	for (i = 0; i < sizeof(lack_texts) / sizeof(lack_texts[0]); i++)
	{
		if ((lacks & lack_texts[i].lack) != 0)
			texts[count++] = lack_texts[i].text;
	}
}
