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
#include "lasting_write.h"
#include "log.h"
#include "memory.h"
#include "read_error.h"
#include "trusted_path.h"

#define MAX_STATE_FILE 4096

/* ENOTDIR stands for: nobody knows where it is. */
static Storage *
open_state(bool create, int *error)
{
	const char *directory = keyring()->state_directory;
	int root;

	*error = ENOTDIR;
	if (directory == NULL)
		return NULL;
	root = create ? trusted_directory_make(directory) : trusted_directory_open(directory, false);
	if (root >= 0)
		return posix_storage_at(root, directory, error);
	*error = errno;
	return NULL;
}

/* Read a file of the state: 0 or an errno value; ENOENT if there is none. */
static int
read_state(const char *path, uint64_t limit, Buffer *content)
{
	int error;
	Storage *storage = open_state(false, &error);

	if (storage == NULL)
		return keyring()->state_directory == NULL ? ENOENT : error;
	error = storage->read(storage, path, limit, content);
	storage->close(storage);
	return error;
}

/* What cannot be read must not be taken for what is not there: checks depend on it. */
static bool
report_state(const char *path, int error)
{
	return report_error(EXIT_FAILED, NULL, read_error_hint(error),
						"could not read file \"%s/%s\": %s", keyring()->state_directory, path,
						read_error_text(error));
}

static bool
write_failed(const char *path, int error)
{
	if (keyring()->state_directory == NULL)
		return report_error(EXIT_FAILED, NULL, NO_HOME_HINT,
							"there is no directory for file \"%s\"", path);
	return report_error(
		EXIT_FAILED, NULL,
		error == EACCES || error == EPERM || error == EROFS
			? "The directory of --state-dir must be writable for the user who runs nex_backup."
		: error == ELOOP ? TRUSTED_PATH_HINT
						 : NULL,
		"could not write file \"%s/%s\": %s", keyring()->state_directory, path, strerror(error));
}

/* What is behind it in the repository is done, whether this host can remember it or not. */
static bool
not_remembered(const char *path, int error)
{
	log_warning_hint("Run the same command again when it can be written: until then, an older "
					 "nex_backup.json that takes the place of this one is not noticed here.",
					 "could not write file \"%s/%s\": %s; the repository is changed all the same",
					 keyring()->state_directory, path, strerror(error));
	return false;
}

/*
 * What is asked of a file: before the repository is changed, that a crash does
 * not undo it, or for the one that is written last, that it is there; behind
 * the change nothing, as that is done.
 */
typedef enum StateNeed
{
	MUST_LAST,
	MUST_BE_THERE,
	MAY_FAIL
} StateNeed;

static bool
write_state(const char *path, const char *content, StateNeed need)
{
	int error;
	Storage *storage = open_state(true, &error);
	int not_lasting = 0;

	if (storage != NULL)
	{
		error = lasting_write(storage, path, content, strlen(content), &not_lasting);
		storage->close(storage);
	}
	if (need == MUST_LAST && error == 0)
		error = not_lasting;
	else if (not_lasting != 0)
		log_warning("could not make file \"%s/%s\" durable: %s", keyring()->state_directory, path,
					strerror(not_lasting));
	if (error == 0)
		return true;
	return need == MAY_FAIL ? not_remembered(path, error) : write_failed(path, error);
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

bool
writer_state_repository_at(const char *location, char **id)
{
	char *path = location_path(location);
	Buffer content;
	int error = ENOENT;

	*id = NULL;
	buffer_init(&content);
	if (path != NULL)
		error = read_state(path, MAX_STATE_FILE, &content);
	if (error == 0 && content.length >= 36)
		*id = strndup(content.data, 36);
	buffer_free(&content);
	if (error != 0 && error != ENOENT)
		report_state(path, error);
	free(path);
	return error == 0 || error == ENOENT;
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

WriterKeyState
writer_state_key(const char *repository, WriterKey *key)
{
	char *path = xasprintf("%s/writer.key", repository);
	WriterKeyState state = WRITER_KEY_KNOWN;
	Buffer content;
	int error;

	buffer_init(&content);
	error = read_state(path, MAX_STATE_FILE, &content);
	if (error == ENOENT)
		state = WRITER_KEY_ABSENT;
	else if (error != 0)
		state = WRITER_KEY_BAD;
	else
	{
		keyring_protect_process();
		if (!parse_key(content.data != NULL ? content.data : "", key))
			state = WRITER_KEY_BAD;
		secret_cleanse(content.data, content.length);
	}
	buffer_free(&content);
	if (state == WRITER_KEY_BAD && error != 0)
		report_state(path, error);
	else if (state == WRITER_KEY_BAD)
		report_error(EXIT_FAILED, NULL, "Bring it back from a copy.",
					 "file \"%s/%s\" holds no writer key", keyring()->state_directory, path);
	free(path);
	return state;
}

bool
writer_state_serial(const char *repository, int64_t *serial)
{
	char *path = xasprintf("%s/serial", repository);
	Buffer content;
	int error;

	*serial = 0;
	buffer_init(&content);
	error = read_state(path, MAX_STATE_FILE, &content);
	if (error == 0 && content.data != NULL)
		*serial = strtoll(content.data, NULL, 10);
	buffer_free(&content);
	if (error != 0 && error != ENOENT)
		report_state(path, error);
	free(path);
	return error == 0 || error == ENOENT;
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
	good = write_state(path, content, MUST_LAST);
	secret_free(content, strlen(content));
	secret_cleanse(text, sizeof(text));
	free(path);
	return good;
}

/* The serial last: where it is right, everything is. */
static bool
save_numbers(const Repository *repository, int64_t serial, bool published)
{
	char *location = location_path(repository->storage->location);
	char *serial_path = xasprintf("%s/serial", repository->id);
	char *id = xasprintf("%s\n", repository->id);
	char *number = xasprintf("%" PRId64 "\n", serial);
	bool good = location != NULL && write_state(location, id, published ? MAY_FAIL : MUST_LAST) &&
				write_state(serial_path, number, published ? MAY_FAIL : MUST_BE_THERE);

	free(number);
	free(id);
	free(serial_path);
	free(location);
	return good;
}

bool
writer_state_save(const Repository *repository, const WriterKey *key, int64_t serial)
{
	WriterKey known;
	WriterKeyState state = writer_state_key(repository->id, &known);
	bool good = state != WRITER_KEY_BAD;

	secret_cleanse(&known, sizeof(known));
	if (good && state == WRITER_KEY_ABSENT)
		good = save_key(repository, key);
	return good && save_numbers(repository, serial, false);
}

void
writer_state_follow(const Repository *repository, int64_t serial)
{
	(void) save_numbers(repository, serial, true);
}

static char *
manifest_path(const char *repository, const Owner *owner)
{
	char *directory = owner_directory(owner);
	const char *last = directory != NULL ? strrchr(directory, '/') : NULL;
	char *path = NULL;

	/* The name of its directory; that of the globals is empty here. */
	if (directory != NULL)
		path =
			xasprintf("%s/manifests/%s%s%s.json", repository, owner->server,
					  owner->server[0] != '\0' ? "@" : "", owner_is_globals(owner) ? "" : last + 1);
	free(directory);
	return path;
}

bool
writer_state_manifest(const char *repository, const Owner *owner, Buffer *json)
{
	char *path = manifest_path(repository, owner);
	bool found = path != NULL && read_state(path, MAX_MANIFEST_BYTES, json) == 0;

	free(path);
	return found;
}

void
writer_state_save_manifest(const char *repository, const Owner *owner, const Buffer *json)
{
	char *path = manifest_path(repository, owner);
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
