/*-------------------------------------------------------------------------
 *
 * repository_state.c
 *	  What is known of a repository that is open.
 *
 *-------------------------------------------------------------------------
 */
#include "repository_state.h"

#include <stdlib.h>
#include <string.h>

#include "keyring.h"
#include "log.h"
#include "look_storage.h"
#include "memory.h"

#define MOST_DIRECTORIES 9

void
unclear_free(Repository *repository)
{
	UnclearPlaces *unclear = &repository->unclear;
	int i;

	for (i = 0; i < unclear->count; i++)
	{
		free(unclear->items[i].path);
		free(unclear->items[i].detail);
	}
	free(unclear->items);
	memset(unclear, 0, sizeof(*unclear));
}

void
repository_only_look(Repository *repository)
{
	Storage *storage = repository->storage;

	/* What has no versions, as a directory and an SFTP server, has nothing to know a file by. */
	if (!storage->can.lease || !storage->can.replace_if)
		return;
	repository->storage = look_storage(storage, keyring()->state_directory, false);
	repository->only_looks = true;
}

/*
 * The directories of manifests, and that of the server's own.  Those with a slash at the end have
 * directories in them.
 */
static size_t
manifest_directories(const Repository *repository, char *paths[])
{
	static const char *const always[] = {".", "backups/", "globals", "config/", "base/", "servers"};
	const char *server = repository->server;
	size_t count = 0;

	for (; count < sizeof(always) / sizeof(always[0]); count++)
		paths[count] = xstrdup(always[count]);
	if (server[0] != '\0')
	{
		paths[count++] = xasprintf("servers/%s", server);
		paths[count++] = xasprintf("servers/%s/globals", server);
		paths[count++] = xasprintf("servers/%s/backups/", server);
	}
	return count;
}

void
repository_look_begin(Repository *repository, bool ahead)
{
	char *paths[MOST_DIRECTORIES];
	size_t count;

	/* Kernel locks mean a directory of this machine. */
	if (!repository->storage->can.lease)
		return;
	repository->storage = look_storage(repository->storage, keyring()->state_directory, true);
	repository->looks = true;
	if (!ahead)
		return;
	count = manifest_directories(repository, paths);
	look_storage_ahead(repository->storage, paths, count);
	while (count > 0)
		free(paths[--count]);
}

void
repository_look_end(Repository *repository)
{
	if (repository->looks)
		repository->storage = look_storage_end(repository->storage);
	repository->looks = false;
}

bool
repository_damaged(const Repository *repository, const char *path, const char *problem,
				   const char *hint)
{
	return report_error(EXIT_INTEGRITY, NULL, hint, "file \"%s/%s\" %s",
						repository->storage->location, path, problem);
}

bool
repository_unreadable(const Repository *repository, const char *path, const StoreResult *result)
{
	return report_error(EXIT_FAILED, NULL, result->hint, "could not read file \"%s/%s\": %s",
						repository->storage->location, path, result->text);
}
