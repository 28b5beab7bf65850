/*-------------------------------------------------------------------------
 *
 * owner.c
 *	  What a backup is of, and where the backups of it lie.
 *
 *-------------------------------------------------------------------------
 */
#include "owner.h"

#include <stdlib.h>
#include <string.h>

#include "memory.h"
#include "names.h"

bool
label_valid(const char *label)
{
	size_t length = strlen(label);

	return length > 0 && length < LABEL_SIZE &&
		   strspn(label, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") ==
			   length;
}

const char *
label_stored(const char *label)
{
	return label == NULL || strcmp(label, MAIN_SERVER) == 0 ? "" : label;
}

bool
label_take(const char *label, char stored[LABEL_SIZE])
{
	if (label == NULL || !label_valid(label) || strcmp(label, MAIN_SERVER) == 0)
		return false;
	memcpy(stored, label, strlen(label) + 1);
	return true;
}

Owner
owner_of(const char *label, const char *database)
{
	const char *server = label_stored(label);
	Owner owner;

	memset(&owner, 0, sizeof(owner));
	memcpy(owner.server, server, strnlen(server, sizeof(owner.server) - 1));
	memcpy(owner.database, database, strnlen(database, sizeof(owner.database) - 1));
	return owner;
}

bool
owner_equal(const Owner *a, const Owner *b)
{
	return a->of_files == b->of_files && strcmp(a->server, b->server) == 0 &&
		   strcmp(a->database, b->database) == 0;
}

bool
owner_is_globals(const Owner *owner)
{
	return !owner->of_files && owner->database[0] == '\0';
}

const char *
owner_server(const Owner *owner)
{
	return owner->server[0] != '\0' ? owner->server : MAIN_SERVER;
}

bool
owner_parse_full(const char *name, Owner *owner)
{
	const char *at = strchr(name, '@');
	char *label = at != NULL ? xstrdup(name) : NULL;
	bool good = false;

	if (label != NULL)
	{
		label[at - name] = '\0';
		good = label_valid(label) && strlen(at + 1) < sizeof(owner->database);
		if (good)
			*owner = owner_of(label, at + 1);
	}
	free(label);
	return good;
}

char *
owner_name(const Owner *owner)
{
	Owner other;

	if (owner->of_files || (owner->server[0] == '\0' && !owner_parse_full(owner->database, &other)))
		return xstrdup(owner->database);
	return xasprintf("%s@%s", owner_server(owner), owner->database);
}

char *
server_path(const char *server, const char *tree)
{
	return server[0] == '\0' ? xstrdup(tree) : xasprintf("servers/%s/%s", server, tree);
}

char *
owner_directory(const Owner *owner)
{
	char directory[DATABASE_DIRECTORY_SIZE];
	char *trees;
	char *path;

	if (owner->of_files)
		return xasprintf("config/%s", owner->database);
	if (owner_is_globals(owner))
		return server_path(owner->server, "globals");
	if (!database_directory_encode(owner->database, directory))
		return NULL;
	trees = server_path(owner->server, "backups");
	path = xasprintf("%s/%s", trees, directory);
	free(trees);
	return path;
}

char *
owner_lock(const Owner *owner)
{
	char directory[DATABASE_DIRECTORY_SIZE];
	const char *between = owner->server[0] != '\0' ? "@" : "";

	if (owner->of_files)
		return xasprintf("lock/files-%s", owner->database);
	if (owner_is_globals(owner))
		return xasprintf("lock/globals%s%s", between, owner->server);
	if (!database_directory_encode(owner->database, directory))
		return NULL;
	return xasprintf("lock/backup-%s%s%s", owner->server, between, directory);
}
