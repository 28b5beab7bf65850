/*-------------------------------------------------------------------------
 *
 * recovery_windows.c
 *	  To which moments a server can be recovered.
 *
 *-------------------------------------------------------------------------
 */
#include "recovery_windows.h"

#include <stdlib.h>
#include <string.h>

#include "backups.h"
#include "interrupt.h"
#include "memory.h"
#include "path_reader.h"
#include "wal_bases.h"

/* Of a path whose end is that of the window. */
static void
find_end(Repository *repository, const BackupName *name, const WalInventory *inventory,
		 const WalWindow *window, WalEvent *end)
{
	char *error = NULL;
	Manifest *base = repository_manifest_try(repository, name, &error);
	RecoveryPath path;
	char *problem;

	if (base != NULL)
	{
		problem = recovery_path_find(inventory, base, window->timeline, &path);
		if (problem == NULL)
			(void) path_newest(&path, end);
		free(problem);
		recovery_path_free(&path);
	}
	manifest_free(base);
	free(error);
}

bool
recovery_windows_find(Repository *repository, const BackupName *names, int count,
					  uint64_t system_identifier, RecoveryWindows *windows)
{
	bool there;
	size_t i;

	memset(windows, 0, sizeof(*windows));
	if (!wal_inventory_take_any(repository, system_identifier, &windows->inventory, &there))
		return false;
	windows->inventory.system.id = system_identifier;
	windows->unread = wal_bases_read(repository, names, count, system_identifier, &windows->bases);
	wal_windows_find(&windows->inventory, &windows->bases, &windows->windows);
	windows->ends = xcalloc(windows->windows.count + 1, sizeof(WalEvent));
	for (i = 0; i < windows->windows.count && !interrupted(); i++)
	{
		const WalWindow *window = &windows->windows.items[i];
		const WalBase *oldest = &windows->bases.items[window->oldest];

		find_end(repository, &names[oldest->position], &windows->inventory, window,
				 &windows->ends[i]);
	}
	return !interrupted();
}

void
recovery_windows_free(RecoveryWindows *windows)
{
	free(windows->ends);
	free(windows->windows.items);
	free(windows->bases.items);
	wal_inventory_free(&windows->inventory);
}
