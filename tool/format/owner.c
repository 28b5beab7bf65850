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

bool
system_name_valid(const char *name)
{
	return strlen(name) == 16 && strspn(name, "0123456789abcdef") == 16;
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

static Owner
make_owner(BackupKind kind, const char *server, const char *name)
{
	Owner owner;

	memset(&owner, 0, sizeof(owner));
	owner.kind = kind;
	memcpy(owner.server, server, strnlen(server, sizeof(owner.server) - 1));
	memcpy(owner.name, name, strnlen(name, sizeof(owner.name) - 1));
	return owner;
}

Owner
owner_of(const char *label, const char *database)
{
	bool globals = strcmp(database, GLOBALS_DATABASE) == 0;

	return make_owner(globals ? BACKUP_OF_GLOBALS : BACKUP_OF_DATABASE, label_stored(label),
					  database);
}

Owner
owner_of_globals(const char *label)
{
	return make_owner(BACKUP_OF_GLOBALS, label_stored(label), "");
}

Owner
owner_of_files(const char *set)
{
	return make_owner(BACKUP_OF_FILES, "", set);
}

Owner
owner_of_cluster(const char *system)
{
	return make_owner(BACKUP_OF_CLUSTER, "", system);
}

bool
owner_has_server(const Owner *owner)
{
	return owner->kind == BACKUP_OF_DATABASE || owner->kind == BACKUP_OF_GLOBALS;
}

bool
owner_equal(const Owner *a, const Owner *b)
{
	return a->kind == b->kind && strcmp(a->server, b->server) == 0 && strcmp(a->name, b->name) == 0;
}

bool
owner_is_globals(const Owner *owner)
{
	return owner->kind == BACKUP_OF_GLOBALS;
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
		good = label_valid(label) && strlen(at + 1) < sizeof(owner->name);
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

	if (!owner_has_server(owner) ||
		(owner->server[0] == '\0' && !owner_parse_full(owner->name, &other)))
		return xstrdup(owner->name);
	return xasprintf("%s@%s", owner_server(owner), owner->name);
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

	if (owner->kind == BACKUP_OF_FILES)
		return xasprintf("config/%s", owner->name);
	if (owner->kind == BACKUP_OF_CLUSTER)
		return xasprintf("base/%s", owner->name);
	if (owner_is_globals(owner))
		return server_path(owner->server, "globals");
	if (!database_directory_encode(owner->name, directory))
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

	if (owner->kind == BACKUP_OF_FILES)
		return xasprintf("lock/files-%s", owner->name);
	if (owner->kind == BACKUP_OF_CLUSTER)
		return xasprintf("lock/base-%s", owner->name);
	if (owner_is_globals(owner))
		return xasprintf("lock/globals%s%s", between, owner->server);
	if (!database_directory_encode(owner->name, directory))
		return NULL;
	return xasprintf("lock/backup-%s%s%s", owner->server, between, directory);
}
