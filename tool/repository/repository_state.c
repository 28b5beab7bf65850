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
	repository->storage = look_storage(storage, keyring()->state_directory);
	repository->only_looks = true;
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
