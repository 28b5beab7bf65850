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

#include <stdlib.h>
#include <string.h>

#include "backup_list.h"
#include "damaged_file.h"
#include "encryption.h"
#include "file_names.h"
#include "keyring.h"
#include "log.h"
#include "manifest_read.h"
#include "memory.h"

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
}

bool
lost_header_read_on(Repository *repository)
{
	Origin origin = {.id = NULL};
	char *path;
	Buffer file;
	bool good;

	lost_header_origin(repository, &origin);
	if (origin.id == NULL)
		return repository_damaged(repository, FRAME_FILE, "is missing", INIT_HINT);
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
