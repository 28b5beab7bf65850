/*-------------------------------------------------------------------------
 *
 * lost_header.c
 *	  A repository whose nex_backup.json is lost.
 *
 * No backup depends on this file, so none is lost with it.  But "init", which
 * writes it again, needs to write, and in an encrypted repository the writer's
 * key: somebody who has a copy on another machine, after the first one is
 * gone, may have neither.  So whatever only reads goes on.  Who may have signed
 * an encrypted backup must then be known from elsewhere.
 *
 *-------------------------------------------------------------------------
 */
#include "lost_header.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "backup_list.h"
#include "encryption.h"
#include "file_names.h"
#include "json_bounds.h"
#include "keyring.h"
#include "log.h"
#include "manifest_read.h"
#include "memory.h"
#include "seal.h"

#define INIT_HINT                                                                                  \
	"No backup depends on this file: \"nex_backup init\" for this repository writes it again, "    \
	"with the same --recipient, --key-file or passphrase if it is encrypted."

bool
repository_id_valid(const char *text)
{
	return text != NULL && strlen(text) == 36 && strspn(text, "0123456789abcdef-") == 36;
}

/*
 * What a manifest says of the repository that it belongs to: read past all
 * checks of its origin, because what they need is lost.
 */
static void
read_origin(Repository *repository, const BackupName *name, Origin *origin)
{
	char *path = backup_path(name, ".json");
	Manifest *manifest = NULL;
	char *error = NULL;
	Buffer file;

	buffer_init(&file);
	if (storage_read(repository->storage, path, MAX_MANIFEST_BYTES, &file).code == STORE_OK &&
		file.data != NULL)
		manifest = manifest_parse(file.data, file.length, &error);
	buffer_free(&file);
	if (manifest != NULL && repository_id_valid(manifest->repository))
	{
		origin->id = xstrdup(manifest->repository);
		origin->encrypted = manifest->cipher != CIPHER_NONE;
		origin->cipher = manifest->cipher;
		origin->name = *name;
		if (manifest->recipients != NULL)
			snprintf(origin->keys, sizeof(origin->keys), "%s", manifest->recipients);
	}
	manifest_free(manifest);
	free(error);
	free(path);
}

/* The first system identifier whose WAL is there. */
static bool
visit_wal(const char *name, void *argument)
{
	char **path = argument;

	if (strlen(name) == 17 && strspn(name, "0123456789abcdef") == 16 && name[16] == '/')
		*path = xasprintf("wal/%scluster.json", name);
	return *path == NULL;
}

/* The same of a repository that has nothing but WAL. */
static void
read_wal_origin(Repository *repository, Origin *origin)
{
	static const JsonBounds bounds = {64 * 1024, 4, 100};
	char *path = NULL;
	json_t *root = NULL;
	const char *text;
	Buffer file;

	(void) repository->storage->list(repository->storage, "wal", visit_wal, &path);
	buffer_init(&file);
	if (path != NULL &&
		storage_read(repository->storage, path, 64 * 1024, &file).code == STORE_OK &&
		file.data != NULL && seal_check(file.data, file.length) == NULL &&
		json_beyond(file.data, file.length, &bounds) == NULL)
		root = json_loadb(file.data, file.length, JSON_REJECT_DUPLICATES, NULL);
	text = json_string_value(json_object_get(root, "repository"));
	if (repository_id_valid(text))
		origin->id = xstrdup(text);
	text = json_string_value(json_object_get(root, "cipher"));
	origin->encrypted = text != NULL && cipher_by_name(text, &origin->cipher);
	text = json_string_value(json_object_get(root, "recipients"));
	if (text != NULL && digest_hex_valid(text))
		memcpy(origin->keys, text, sizeof(origin->keys));
	json_decref(root);
	buffer_free(&file);
	free(path);
}

/* Where the backups of a repository come from, whose nex_backup.json is lost. */
void
lost_header_origin(Repository *repository, Origin *origin)
{
	BackupName *names;
	int count;

	if (!repository_list(repository, NULL, &names, &count))
		return;
	while (origin->id == NULL && count-- > 0)
		read_origin(repository, &names[count], origin);
	free(names);
	if (origin->id == NULL)
		read_wal_origin(repository, origin);
}

bool
lost_header_read_on(Repository *repository)
{
	Origin origin = {.id = NULL};
	char *path;
	Buffer file;
	bool good;

	lost_header_origin(repository, &origin);
	/* Without a backup, nothing says whose signatures are good. */
	if (origin.id == NULL || origin.name.id[0] == '\0')
	{
		free(origin.id);
		return repository_damaged(repository, FRAME_FILE, "is missing", INIT_HINT);
	}
	repository->id = origin.id;
	repository->created = xstrdup("");
	path = backup_path(&origin.name, ".json");
	buffer_init(&file);
	good = storage_read(repository->storage, path, MAX_MANIFEST_BYTES, &file).code == STORE_OK &&
		   encryption_without_header(repository, origin.encrypted ? origin.cipher : CIPHER_NONE,
									 origin.keys, &file);
	buffer_free(&file);
	free(path);
	if (!good)
		return repository_damaged(repository, FRAME_FILE, "is missing", INIT_HINT);
	repository->headerless = true;
	log_warning_hint(INIT_HINT, "file \"%s/" FRAME_FILE "\" is missing",
					 repository->storage->location);
	return true;
}

bool
lost_header_refuse(const Repository *repository)
{
	return !repository->headerless ||
		   repository_damaged(repository, FRAME_FILE, "is missing", INIT_HINT);
}
