/*-------------------------------------------------------------------------
 *
 * sftp_write.c
 *	  Write files on an SFTP server.
 *
 * As in a directory of this machine: a temporary name that nobody else uses,
 * all of the content, fsync, and then the name.  The fsync is that of each
 * file, before it has its name, and not of a barrier: whether a file of which
 * an fsync was asked for is on the disk nobody could say if the session ends
 * before the answer, but a file without its name can be written again.
 * Directories cannot be made durable by SFTP; file systems that keep a journal
 * do that in the order of the renames.
 *
 *-------------------------------------------------------------------------
 */
#include "sftp_write.h"

#include <stdlib.h>
#include <string.h>

#include "memory.h"
#include "sftp_directories.h"
#include "sftp_fill.h"
#include "sftp_names.h"
#include "storage_use.h"

#define MUCH_CONTENT (64 * 1024)

/* A file that is being put. */
typedef struct Put
{
	SftpStorage *sftp;
	const char *path;
	const void *content;
	uint64_t length;
	const PutOptions *options;
	char *temporary; /* of the try before, which may have left it behind */
} Put;

/* Begin with another temporary name. */
static void
begin_again(SftpSession *session, Put *put)
{
	if (put->temporary != NULL)
		sftp_remove_and_leave(session, put->sftp, put->temporary);
	free(put->temporary);
	put->temporary = sftp_temporary(put->sftp, put->path);
}

static StoreResult
put_once(SftpSession *session, void *argument)
{
	Put *put = argument;
	bool only_new = put->options->mode == PUT_CREATE;
	StoreResult result;

	begin_again(session, put);
	/* Not to write all of it for nothing; whether it has the name is decided at the end. */
	result = sftp_write_new_made(session, put->sftp, put->temporary, only_new ? put->path : NULL,
								 put->content, put->length, true);
	if (result.code != STORE_OK)
		return result;
	result = only_new ? sftp_rename_new(session, put->sftp, put->temporary, put->path)
					  : sftp_rename_over(session, put->sftp, put->temporary, put->path);
	if (result.code == STORE_OK)
	{
		free(put->temporary);
		put->temporary = NULL;
	}
	else
		sftp_remove_and_leave(session, put->sftp, put->temporary);
	return result;
}

/* Is this the content of a file now?  Then an earlier try has put it there. */
static bool
is_ours(const Put *put)
{
	Buffer found;
	bool same;

	buffer_init(&found);
	same = storage_read(&put->sftp->storage, put->path, put->length, &found).code == STORE_OK &&
		   found.length == put->length && memcmp(found.data, put->content, put->length) == 0;
	buffer_free(&found);
	return same;
}

StoreResult
sftp_put(Storage *storage, const char *path, const void *content, uint64_t length,
		 const PutOptions *options)
{
	SftpStorage *sftp = (SftpStorage *) storage;
	Put put = {
		.sftp = sftp, .path = path, .content = content, .length = length, .options = options};
	SftpWork work = {.once = put_once,
					 .content = length >= MUCH_CONTENT,
					 .argument = &put,
					 .leases = options->later ? NULL : sftp->leases};
	StoreResult result;

	if (options->mode == PUT_REPLACE_IF)
		return store_failure(STORE_UNSUPPORTED, NULL, "files on an SFTP server have no versions");
	result = sftp_do(sftp->link, &work);
	free(put.temporary);
	if (result.code == STORE_EXISTS && work.maybe_done && is_ours(&put))
		result = store_ok();
	if (result.code == STORE_OK)
		sftp_keep_directories(sftp, path);
	else if (result.code != STORE_UNREACHABLE)
		sftp_unmake_directories(sftp, path);
	return result;
}
