/*-------------------------------------------------------------------------
 *
 * sftp_names.c
 *	  Give files on an SFTP server their names.
 *
 *-------------------------------------------------------------------------
 */
#include "sftp_names.h"

#include <stdlib.h>

#include "sftp_fill.h"

/* A request of two paths: SFTP_RENAME, or an extension. */
static StoreResult
ask_two(SftpSession *session, SftpStorage *sftp, SftpExtension extension, const char *from,
		const char *to, int *outcome)
{
	char *old_path = sftp_path(sftp, from);
	char *new_path = sftp_path(sftp, to);
	SftpRequest request;
	StoreResult result;

	sftp_request_init(&request, extension != 0 ? SFTP_EXTENDED : SFTP_RENAME);
	if (extension != 0)
		sftp_put_text(&request.packet, sftp_extension_name(extension));
	sftp_put_text(&request.packet, old_path);
	sftp_put_text(&request.packet, new_path);
	*outcome = sftp_ask(session, &request);
	result = sftp_result(&request, *outcome);
	sftp_request_free(&request);
	free(old_path);
	free(new_path);
	return result;
}

static StoreResult
exists(void)
{
	return store_failure(STORE_EXISTS, NULL, "it is there already");
}

/* Does the rename of version 3 refuse to replace? */
static StoreResult
try_rename(SftpSession *session, SftpStorage *sftp, const char *path, bool *refuses)
{
	char *one = sftp_temporary(sftp, path);
	char *other = sftp_temporary(sftp, path);
	StoreResult result = sftp_write_new(session, sftp, one, NULL, "1", 1, false);
	int outcome = SFTP_OK;

	if (result.code == STORE_OK)
		result = sftp_write_new(session, sftp, other, NULL, "2", 1, false);
	if (result.code == STORE_OK)
		result = ask_two(session, sftp, 0, one, other, &outcome);
	*refuses = result.code == STORE_FAILED || result.code == STORE_EXISTS;
	if (*refuses)
		result = store_ok();
	sftp_remove_and_leave(session, sftp, one);
	sftp_remove_and_leave(session, sftp, other);
	free(one);
	free(other);
	return result;
}

/* Does hardlink@openssh.com make a second name, and only a new one? */
static StoreResult
try_link(SftpSession *session, SftpStorage *sftp, const char *path, bool *works)
{
	char *one = sftp_temporary(sftp, path);
	char *other = sftp_temporary(sftp, path);
	StoreResult result = sftp_write_new(session, sftp, one, NULL, "1", 1, false);
	StoreResult again = store_ok();
	int outcome = SFTP_OK;

	*works = false;
	if (result.code == STORE_OK)
	{
		result = ask_two(session, sftp, SFTP_HARDLINK, one, other, &outcome);
		if (result.code == STORE_OK)
			again = ask_two(session, sftp, SFTP_HARDLINK, one, other, &outcome);
		*works = result.code == STORE_OK && again.code != STORE_OK && outcome != SFTP_ENDED;
		if (outcome != SFTP_ENDED)
			result = store_ok();
	}
	sftp_remove_and_leave(session, sftp, one);
	sftp_remove_and_leave(session, sftp, other);
	free(one);
	free(other);
	return result;
}

static NewName
known_way(SftpStorage *sftp)
{
	NewName way;

	pthread_mutex_lock(&sftp->lock);
	way = sftp->new_name;
	pthread_mutex_unlock(&sftp->lock);
	return way;
}

StoreResult
sftp_try_names(SftpSession *session, SftpStorage *sftp, const char *path)
{
	StoreResult result = store_ok();
	NewName found = NAME_BY_LOOKING;
	bool good = false;

	if (known_way(sftp) != NAME_NOT_TRIED)
		return store_ok();
	if (sftp_session_can(session, SFTP_HARDLINK))
	{
		result = try_link(session, sftp, path, &good);
		found = good ? NAME_BY_LINK : found;
	}
	if (result.code == STORE_OK && !good)
	{
		result = try_rename(session, sftp, path, &good);
		found = good ? NAME_BY_RENAME : found;
	}
	if (result.code != STORE_OK)
		return result;
	if (found == NAME_BY_LOOKING)
		sftp_say_lack(sftp, LACKS_NEW_NAME);
	pthread_mutex_lock(&sftp->lock);
	sftp->new_name = found;
	pthread_mutex_unlock(&sftp->lock);
	return store_ok();
}

StoreResult
sftp_rename_new(SftpSession *session, SftpStorage *sftp, const char *from, const char *to)
{
	StoreResult result;
	NewName way;
	int outcome;

	result = sftp_try_names(session, sftp, to);
	way = known_way(sftp);
	if (result.code != STORE_OK)
		return result;
	if (way == NAME_BY_LOOKING && sftp_is_there(session, sftp, to))
		return exists();
	result = ask_two(session, sftp, way == NAME_BY_LINK ? SFTP_HARDLINK : 0, from, to, &outcome);
	if (outcome == SFTP_FAILURE && sftp_is_there(session, sftp, to))
		return exists();
	if (result.code == STORE_OK && way == NAME_BY_LINK)
		sftp_remove_and_leave(session, sftp, from);
	return result;
}

/* Without a rename that replaces, for a moment there is no file. */
static StoreResult
set_aside(SftpSession *session, SftpStorage *sftp, const char *from, const char *to)
{
	char *aside = sftp_temporary(sftp, to);
	StoreResult result;
	int outcome;

	sftp_say_lack(sftp, LACKS_REPLACE);
	result = ask_two(session, sftp, 0, to, aside, &outcome);
	if (result.code == STORE_OK)
	{
		result = ask_two(session, sftp, 0, from, to, &outcome);
		if (result.code == STORE_OK)
			sftp_remove_and_leave(session, sftp, aside);
		else if (outcome != SFTP_ENDED)
			(void) ask_two(session, sftp, 0, aside, to, &outcome);
	}
	free(aside);
	return result;
}

StoreResult
sftp_rename_over(SftpSession *session, SftpStorage *sftp, const char *from, const char *to)
{
	StoreResult result;
	int outcome;

	if (sftp_session_can(session, SFTP_POSIX_RENAME))
		return ask_two(session, sftp, SFTP_POSIX_RENAME, from, to, &outcome);
	result = ask_two(session, sftp, 0, from, to, &outcome);
	if (outcome == SFTP_FAILURE && sftp_is_there(session, sftp, to))
		return set_aside(session, sftp, from, to);
	return result;
}
