/*-------------------------------------------------------------------------
 *
 * sftp_remove.c
 *	  Remove files on an SFTP server: many requests at a time.
 *
 *-------------------------------------------------------------------------
 */
#include "sftp_remove.h"

#include <stdlib.h>
#include <string.h>

#include "memory.h"
#include "sftp_directories.h"

#define GROUP 256

/* Files to be removed by one session. */
typedef struct Removal
{
	SftpStorage *sftp;
	char *const *paths;
	size_t count;
	StoreResult *results;
	bool *settled; /* answered by this session or one before */
	bool again;    /* one before has ended */
} Removal;

static StoreResult
remove_once(SftpSession *session, void *argument)
{
	Removal *removal = argument;
	SftpRequest *requests = xcalloc(removal->count, sizeof(SftpRequest));
	StoreResult result = store_ok();
	size_t i;

	for (i = 0; i < removal->count; i++)
	{
		StoreResult checked = store_ok();

		if (removal->settled[i])
			continue;
		checked = sftp_check_directories(session, removal->sftp, removal->paths[i], false);
		sftp_request_for(removal->sftp, &requests[i], SFTP_REMOVE, removal->paths[i]);
		if (checked.code == STORE_OK)
			sftp_send(session, &requests[i]);
		removal->results[i] = checked;
	}
	for (i = 0; i < removal->count; i++)
	{
		StoreResult *own = &removal->results[i];

		if (removal->settled[i])
			continue;
		if (own->code == STORE_OK)
			*own = sftp_result(&requests[i], sftp_outcome(session, &requests[i]));
		sftp_request_free(&requests[i]);
		removal->settled[i] = own->code != STORE_UNREACHABLE && own->code != STORE_UNKNOWN_OUTCOME;
		if (!removal->settled[i])
			result = *own;
		/* The answer is the same whether it was there or not, if it was asked for twice. */
		else if (own->code == STORE_ABSENT && removal->again)
			*own = store_ok();
	}
	removal->again = true;
	free(requests);
	return result;
}

static void
remove_group(SftpStorage *sftp, char *const *paths, size_t count, StoreResult *results,
			 Leases *leases)
{
	Removal removal = {.sftp = sftp, .paths = paths, .count = count, .results = results};
	SftpWork work = {.once = remove_once, .argument = &removal, .leases = leases};
	StoreResult result;
	size_t i;

	removal.settled = xcalloc(count + 1, sizeof(bool));
	result = sftp_do(sftp->link, &work);
	for (i = 0; i < count; i++)
	{
		if (!removal.settled[i])
			results[i] = result;
	}
	free(removal.settled);
}

typedef struct Emptied
{
	SftpStorage *sftp;
	char *const *paths;
	size_t count;
} Emptied;

/* Remove the directories of files that were removed, where they are empty; others refuse. */
static StoreResult
remove_directories_once(SftpSession *session, void *argument)
{
	const Emptied *emptied = argument;
	char *last = NULL;
	size_t i;

	for (i = 0; i < emptied->count; i++)
	{
		const char *slash = strrchr(emptied->paths[i], '/');
		char *directory = xasprintf("%.*s", slash != NULL ? (int) (slash - emptied->paths[i]) : 0,
									emptied->paths[i]);
		SftpRequest request;

		if (strchr(directory, '/') != NULL && (last == NULL || strcmp(last, directory) != 0))
		{
			sftp_forget_directory(emptied->sftp, directory);
			sftp_request_for(emptied->sftp, &request, SFTP_RMDIR, directory);
			sftp_send_and_leave(session, &request);
			sftp_request_free(&request);
		}
		free(last);
		last = directory;
	}
	free(last);
	return store_ok();
}

void
sftp_remove_many(Storage *storage, char *const *paths, size_t count, StoreRemoved removed,
				 void *argument)
{
	SftpStorage *sftp = (SftpStorage *) storage;
	StoreResult *results = xcalloc(GROUP, sizeof(StoreResult));
	bool go_on = true;
	size_t done, i;

	for (done = 0; done < count && go_on; done += GROUP)
	{
		size_t size = count - done < GROUP ? count - done : GROUP;
		Emptied emptied = {sftp, paths + done, size};
		SftpWork work = {.once = remove_directories_once, .argument = &emptied};

		remove_group(sftp, paths + done, size, results, sftp->leases);
		(void) sftp_do(sftp->link, &work);
		for (i = 0; i < size && go_on; i++)
			go_on = removed(done + i, &results[i], argument);
	}
	free(results);
}

StoreResult
sftp_remove(SftpStorage *sftp, const char *path)
{
	char *const one = (char *) path;
	StoreResult result = store_ok();

	remove_group(sftp, &one, 1, &result, NULL);
	return result;
}
