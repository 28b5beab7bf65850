/*-------------------------------------------------------------------------
 *
 * copy_locks.c
 *	  Locks against removal in the place that backups are copied to.
 *
 *-------------------------------------------------------------------------
 */
#include "copy_locks.h"

#include <stdlib.h>
#include <string.h>

#include "memory.h"
#include "removal_lock.h"

bool
copy_locks_begin(CopyLocks *locks, Repository *to)
{
	*locks = (CopyLocks){.to = to};
	object_set_init(&locks->locked);
	removal_lock_longest(to);
	return removal_lock_possible(to);
}

void
copy_locks_free(CopyLocks *locks)
{
	object_set_free(&locks->locked);
}

/* Servers have their own objects, which may have the same names. */
static void
look_at_server(CopyLocks *locks, const Manifest *manifest)
{
	if (strcmp(locks->server, manifest->server.label) == 0)
		return;
	object_set_free(&locks->locked);
	object_set_init(&locks->locked);
	memcpy(locks->server, manifest->server.label, sizeof(locks->server));
}

bool
copy_locks_extend(CopyLocks *locks, const Manifest *manifest, const uint32_t *sent, size_t nsent)
{
	char **paths;
	size_t count = 0;
	uint32_t i;
	bool good;

	if (locks->to == NULL || locks->to->removal_lock.until == 0)
		return true;
	paths = xcalloc((size_t) manifest->nobjects + 1, sizeof(char *));
	look_at_server(locks, manifest);
	for (i = 0; i < manifest->nobjects; i++)
	{
		size_t before = locks->locked.count;
		bool was_sent = nsent > 0 && sent[0] == i;

		object_set_add(&locks->locked, manifest->objects[i].id, manifest->codec);
		if (was_sent)
		{
			sent++;
			nsent--;
		}
		else if (locks->locked.count > before)
			paths[count++] = manifest_object_path(manifest, i);
	}
	good = removal_lock_extend(locks->to, paths, count);
	while (count > 0)
		free(paths[--count]);
	free(paths);
	return good;
}
