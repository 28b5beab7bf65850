/*-------------------------------------------------------------------------
 *
 * writer_state.c
 *	  The state directory of a writer.
 *
 *-------------------------------------------------------------------------
 */
#include "writer_state.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "home.h"
#include "keyring.h"
#include "log.h"
#include "memory.h"

#define MAX_STATE_FILE 4096
#define MAX_MANIFEST_BYTES (1024UL * 1024 * 1024)

/* The directory, or NULL; then *error says why, and is 0 if there is no home for it. */
static Storage *
open_state(bool create, int *error)
{
	const char *directory = keyring()->state_directory;

	*error = 0;
	return directory != NULL ? posix_storage_open(directory, create, error) : NULL;
}

/* Read a file of the state; false if there is none. */
static bool
read_state(const char *path, uint64_t limit, Buffer *content)
{
	int error;
	Storage *storage = open_state(false, &error);
	bool good = storage != NULL && storage->read(storage, path, limit, content) == 0;

	if (storage != NULL)
		storage->close(storage);
	return good;
}

static bool
write_state(const char *path, const void *content, size_t length)
{
	int error;
	Storage *storage = open_state(true, &error);

	if (keyring()->state_directory == NULL)
		return report_error(EXIT_FAILED, NULL, NO_HOME_HINT,
							"there is no directory for file \"%s\"", path);
	if (storage != NULL)
	{
		error = storage->write(storage, path, content, length, WRITE_DURABLE);
		storage->close(storage);
	}
	if (error == 0)
		return true;
	return report_error(EXIT_FAILED, NULL,
						"The directory of --state-dir must be writable for the user who runs "
						"nex_backup.",
						"could not write file \"%s/%s\": %s", keyring()->state_directory, path,
						strerror(error));
}

/* The file that says what lies at a location. */
static char *
location_path(const char *location)
{
	DigestHex digest;

	if (!digest_buffer(location, strlen(location), digest))
		return NULL;
	return xasprintf("locations/%.32s", digest);
}

char *
writer_state_repository_at(const char *location)
{
	char *path = location_path(location);
	char *id = NULL;
	Buffer content;

	buffer_init(&content);
	if (path != NULL && read_state(path, MAX_STATE_FILE, &content) && content.length >= 36)
		id = strndup(content.data, 36);
	buffer_free(&content);
	free(path);
	return id;
}

char *
writer_state_key_path(const char *repository)
{
	const char *directory = keyring()->state_directory;

	return xasprintf("%s/%s/writer.key", directory != NULL ? directory : "DIR", repository);
}

/* The key is the line that is neither empty nor a comment. */
static bool
parse_key(const char *text, WriterKey *key)
{
	while (*text == '#' || *text == '\n')
	{
		text += strcspn(text, "\n");
		text += *text == '\n';
	}
	return writer_key_parse(text, strcspn(text, "\r\n"), key);
}

bool
writer_state_key(const char *repository, WriterKey *key, bool *damaged)
{
	char *path = xasprintf("%s/writer.key", repository);
	Buffer content;
	bool found;

	buffer_init(&content);
	found = read_state(path, MAX_STATE_FILE, &content);
	*damaged = false;
	if (found)
	{
		keyring_protect_process();
		*damaged = !parse_key(content.data != NULL ? content.data : "", key);
		secret_cleanse(content.data, content.length);
	}
	buffer_free(&content);
	free(path);
	return found && !*damaged;
}

int64_t
writer_state_serial(const char *repository)
{
	char *path = xasprintf("%s/serial", repository);
	int64_t serial = 0;
	Buffer content;

	buffer_init(&content);
	if (read_state(path, MAX_STATE_FILE, &content) && content.data != NULL)
		serial = strtoll(content.data, NULL, 10);
	buffer_free(&content);
	free(path);
	return serial;
}

static bool
save_key(const Repository *repository, const WriterKey *key)
{
	char *path = xasprintf("%s/writer.key", repository->id);
	char text[WRITER_KEY_SIZE];
	char signer[SIGNER_SIZE];
	char *content;
	bool good;

	writer_key_text(key, text);
	signer_text(key->signer, signer);
	content = xasprintf("# Writer key of a nex_backup repository: signs its backups.\n"
						"# Keep it secret, and keep a copy: without it no more backups can be "
						"written there.\n"
						"# repository: %s\n# signer: %s\n%s\n",
						repository->storage->location, signer, text);
	good = write_state(path, content, strlen(content));
	secret_free(content, strlen(content));
	secret_cleanse(text, sizeof(text));
	free(path);
	return good;
}

bool
writer_state_save(const Repository *repository, const WriterKey *key, int64_t serial)
{
	char *location = location_path(repository->storage->location);
	char *serial_path = xasprintf("%s/serial", repository->id);
	char *id = xasprintf("%s\n", repository->id);
	char *number = xasprintf("%" PRId64 "\n", serial);
	WriterKey known;
	bool damaged;
	bool good = location != NULL;

	if (!writer_state_key(repository->id, &known, &damaged))
		good = good && save_key(repository, key);
	secret_cleanse(&known, sizeof(known));
	good = good && write_state(serial_path, number, strlen(number)) &&
		   write_state(location, id, strlen(id));
	free(number);
	free(id);
	free(serial_path);
	free(location);
	return good;
}

static char *
manifest_path(const char *repository, const char *database)
{
	char directory[DATABASE_DIRECTORY_SIZE] = "";

	if (database[0] != '\0' && !database_directory_encode(database, directory))
		return NULL;
	return xasprintf("%s/manifests/%s.json", repository, directory);
}

bool
writer_state_manifest(const char *repository, const char *database, Buffer *json)
{
	char *path = manifest_path(repository, database);
	bool found = path != NULL && read_state(path, MAX_MANIFEST_BYTES, json);

	free(path);
	return found;
}

void
writer_state_save_manifest(const char *repository, const char *database, const Buffer *json)
{
	char *path = manifest_path(repository, database);
	int error;
	Storage *storage = open_state(true, &error);

	/* Only a saving of time is lost if this fails. */
	if (path != NULL && storage != NULL)
		error = storage->write(storage, path, json->data, json->length, WRITE_DURABLE);
	if (keyring()->state_directory == NULL)
		log_warning_hint(NO_HOME_HINT, "there is no directory for a copy of the manifest");
	else if (error != 0)
		log_warning("could not keep a copy of the manifest in \"%s\": %s",
					keyring()->state_directory, strerror(error));
	if (storage != NULL)
		storage->close(storage);
	free(path);
}
