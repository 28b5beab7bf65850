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
