/*-------------------------------------------------------------------------
 *
 * occupied.c
 *	  Is a path inside of what belongs to a server?
 *
 *-------------------------------------------------------------------------
 */
#include "occupied.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "memory.h"

/* As links lead; of a path that does not exist, what exists of it.  NULL: nothing. */
static char *
resolve(const char *path)
{
	char *at = xstrdup(path);
	char *resolved = NULL;
	char *slash;

	while (at[0] != '\0' && (resolved = realpath(at, NULL)) == NULL)
	{
		slash = strrchr(at, '/');
		if (slash == NULL || slash == at)
			break;
		*slash = '\0';
	}
	free(at);
	return resolved;
}

/* "PG_15_202209061" */
static bool
is_tablespace_version(const char *name)
{
	size_t digits;

	if (strncmp(name, "PG_", 3) != 0)
		return false;
	name += 3;
	digits = strspn(name, "0123456789");
	if (digits == 0 || name[digits] != '_')
		return false;
	name += digits + 1;
	return name[0] != '\0' && strspn(name, "0123456789") == strlen(name);
}

static bool
is_of_server(const char *directory)
{
	const char *slash = strrchr(directory, '/');
	char *version = xasprintf("%s/PG_VERSION", directory);
	bool there = access(version, F_OK) == 0;

	free(version);
	return there || (slash != NULL && is_tablespace_version(slash + 1));
}

char *
occupied_by(const char *path)
{
	char *at = resolve(path);

	while (at != NULL && at[0] != '\0' && !is_of_server(at))
		*strrchr(at, '/') = '\0';
	if (at != NULL && at[0] != '\0')
		return at;
	free(at);
	return NULL;
}
