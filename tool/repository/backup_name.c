/*-------------------------------------------------------------------------
 *
 * backup_name.c
 *	  Which backup of a repository.
 *
 *-------------------------------------------------------------------------
 */
#include "backup_name.h"

#include <stdlib.h>

#include "memory.h"

bool
backup_is_of_globals(const BackupName *name)
{
	return owner_is_globals(&name->owner);
}

bool
backup_same_owner(const BackupName *a, const BackupName *b)
{
	return owner_equal(&a->owner, &b->owner);
}

bool
file_set_name_valid(const char *set)
{
	return label_valid(set);
}

char *
backup_path(const BackupName *name, const char *suffix)
{
	char *directory = owner_directory(&name->owner);
	char *path = xasprintf("%s/%s%s", directory != NULL ? directory : "", name->id, suffix);

	free(directory);
	return path;
}
