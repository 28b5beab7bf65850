/*-------------------------------------------------------------------------
 *
 * held_directories.c
 *	  Which directories have held something.
 *
 *-------------------------------------------------------------------------
 */
#include "held_directories.h"

#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "memory.h"
#include "storage_use.h"

static bool
visit_any(const char *name, void *argument)
{
	bool *any = argument;

	*any = strcmp(name, LOST_AND_FOUND) != 0;
	return !*any;
}

bool
directory_is_empty(Storage *storage, const char *directory)
{
	bool any = false;

	return storage->can.directories &&
		   storage->list(storage, directory, visit_any, &any).code == STORE_OK && !any;
}

/* Is there a note of a directory, or of one below it? */
static bool
is_noted(Storage *storage, const char *directory)
{
	char *path = xasprintf(HELD_DIRECTORY "/%s", directory);
	bool noted = storage_look(storage, path).code == STORE_OK;

	if (!noted)
		(void) storage->list(storage, path, visit_any, &noted);
	free(path);
	return noted;
}

void
held_note(Storage *storage, const char *directory)
{
	const PutOptions create = {.mode = PUT_CREATE, .later = true};
	char *path = xasprintf(HELD_DIRECTORY "/%s", directory);
	StoreResult result;

	if (storage->can.directories && storage_look(storage, path).code == STORE_ABSENT)
	{
		result = storage->put(storage, path, "", 0, &create);
		if (result.code != STORE_OK && result.code != STORE_EXISTS)
			log_debug("could not write file \"%s/%s\": %s", storage->location, path, result.text);
	}
	free(path);
}

/* Looked at once more behind the note: whoever makes a directory needs a moment to fill it. */
bool
held_is_emptied(Storage *storage, const char *directory)
{
	return directory_is_empty(storage, directory) && is_noted(storage, directory) &&
		   directory_is_empty(storage, directory);
}
