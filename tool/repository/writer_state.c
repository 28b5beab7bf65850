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
#include "posix_result.h"
#include "trusted_path.h"

#define MAX_STATE_FILE 4096

/* STORE_ABSENT also if nobody knows where it is. */
static Storage *
open_state(bool create, StoreResult *result)
{
	const char *directory = keyring()->state_directory;
	int root;

	*result = posix_read_result(ENOENT);
	if (directory == NULL)
		return NULL;
	root = create ? trusted_directory_make(directory) : trusted_directory_open(directory, false);
	if (root >= 0)
		return posix_storage_at(root, directory, result);
	*result = create ? posix_write_result(errno) : posix_read_result(errno);
	return NULL;
}

/* Read a file of the state. */
static StoreResult
read_state(const char *path, uint64_t limit, Buffer *content)
{
	StoreResult result;
	Storage *storage = open_state(false, &result);

	if (storage == NULL)
		return result;
	result = storage_read(storage, path, limit, content);
	storage->close(storage);
	return result;
}

/* What cannot be read must not be taken for what is not there: checks depend on it. */
static bool
report_state(const char *path, const StoreResult *result)
{
	return report_error(EXIT_FAILED, NULL, result->hint, "could not read file \"%s/%s\": %s",
						keyring()->state_directory, path, result->text);
}

static bool
write_failed(const char *path, const StoreResult *result)
{
	if (keyring()->state_directory == NULL)
		return report_error(EXIT_FAILED, NULL, NO_HOME_HINT,
							"there is no directory for file \"%s\"", path);
	return report_error(
		EXIT_FAILED, NULL,
		result->code == STORE_DENIED
			? "The directory of --state-dir must be writable for the user who runs nex_backup."
		: result->code == STORE_UNSUPPORTED ? TRUSTED_PATH_HINT
											: NULL,
		"could not write file \"%s/%s\": %s", keyring()->state_directory, path, result->text);
}

/* What is behind it in the repository is done, whether this host can remember it or not. */
static bool
not_remembered(const char *path, const StoreResult *result)
{
	log_warning_hint("Run the same command again when it can be written: until then, an older "
					 "nex_backup.json that takes the place of this one is not noticed here.",
					 "could not write file \"%s/%s\": %s; the repository is changed all the same",
					 keyring()->state_directory, path, result->text);
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
	StoreResult result;
	StoreResult not_lasting = store_ok();
	Storage *storage = open_state(true, &result);

	if (storage != NULL)
	{
		result = storage_write_lasting(storage, path, content, strlen(content), &not_lasting);
		storage->close(storage);
	}
	if (need == MUST_LAST && result.code == STORE_OK)
		result = not_lasting;
	else if (not_lasting.code != STORE_OK)
		log_warning("could not make file \"%s/%s\" durable: %s", keyring()->state_directory, path,
					not_lasting.text);
	if (result.code == STORE_OK)
		return true;
	return need == MAY_FAIL ? not_remembered(path, &result) : write_failed(path, &result);
}

/* What is not there is good; takes over the path. */
static bool
end_reading(char *path, const StoreResult *result)
{
	bool good = result->code == STORE_OK || result->code == STORE_ABSENT;

	if (!good)
		report_state(path, result);
	free(path);
	return good;
}

/* The file that says what lies at a location: two servers may have buckets of the same name. */
static char *
location_path(const Repository *repository)
{
	const Storage *storage = repository->storage;
	const char *place = storage->place != NULL ? storage->place : storage->location;
	DigestHex digest;

	if (!digest_buffer(place, strlen(place), digest))
		return NULL;
	return xasprintf("locations/%.32s", digest);
}

bool
writer_state_repository_at(const Repository *repository, char **id)
{
	char *path = location_path(repository);
	Buffer content;
	StoreResult result = store_ok();

	*id = NULL;
	buffer_init(&content);
	if (path != NULL)
		result = read_state(path, MAX_STATE_FILE, &content);
	if (content.length >= 36)
		*id = strndup(content.data, 36);
	buffer_free(&content);
	return end_reading(path, &result);
}

/* ---- plain repositories ---- */

/* The ids of those that were at this location, a line for each, the last one first. */
static char *
plain_path(const Repository *repository)
{
	char *location = location_path(repository);
	char *path = location != NULL ? xasprintf("%s.plain", location) : NULL;

	free(location);
	return path;
}

/* Is it one of these?  What cannot be read says nothing. */
static bool
is_known(const char *path, const Repository *repository, Buffer *known)
{
	buffer_init(known);
	(void) read_state(path, MAX_STATE_FILE, known);
	return known->length > 0 && strstr(known->data, repository->id) != NULL;
}

/* Disks that take turns are not many. */
static void
add_plain(const char *path, const Repository *repository, const Buffer *known)
{
	char *text = xasprintf("%s\n%.*s", repository->id, MAX_STATE_FILE / 2,
						   known->length > 0 ? known->data : "");
	StoreResult result;
	Storage *storage = open_state(true, &result);

	if (storage != NULL)
	{
		result = storage_write(storage, path, text, strlen(text));
		storage->close(storage);
	}
	if (result.code != STORE_OK)
		log_debug("could not write file \"%s\" of the state directory: %s", path, result.text);
	free(text);
}

bool
writer_state_is_meant(const Repository *repository)
{
	char *path = repository->encryption == NULL ? plain_path(repository) : NULL;
	bool good = true;
	Buffer known;

	if (path == NULL)
		return true;
	if (!is_known(path, repository, &known))
	{
		good = known.length == 0;
		if (good)
			add_plain(path, repository, &known);
		else
			report_error(EXIT_FAILED, NULL,
						 "If a disk belongs there, mount it. If this repository is meant, say so "
						 "with \"nex_backup init\".",
						 "\"%s\" is another repository than the one that this host has written to "
						 "there before",
						 repository->storage->location);
	}
	buffer_free(&known);
	free(path);
	return good;
}

void
writer_state_mean(const Repository *repository)
{
	char *path = repository->encryption == NULL ? plain_path(repository) : NULL;
	Buffer known;

	if (path == NULL)
		return;
	if (!is_known(path, repository, &known))
	{
		if (known.length > 0)
			log_warning_hint("If a disk belongs there, mount it.",
							 "this host has written to another repository in \"%s\" before",
							 repository->storage->location);
		add_plain(path, repository, &known);
	}
	buffer_free(&known);
	free(path);
}

/* ---- encrypted ones ---- */

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
	StoreResult result;

	buffer_init(&content);
	result = read_state(path, MAX_STATE_FILE, &content);
	if (result.code == STORE_ABSENT)
		state = WRITER_KEY_ABSENT;
	else if (result.code != STORE_OK)
		state = WRITER_KEY_BAD;
	else
	{
		keyring_protect_process();
		if (!parse_key(content.data != NULL ? content.data : "", key))
			state = WRITER_KEY_BAD;
		secret_cleanse(content.data, content.length);
	}
	buffer_free(&content);
	if (state == WRITER_KEY_BAD && result.code != STORE_OK)
		report_state(path, &result);
	else if (state == WRITER_KEY_BAD)
		report_error(EXIT_FAILED, NULL, "Bring it back from a copy.",
					 "file \"%s/%s\" holds no writer key", keyring()->state_directory, path);
	free(path);
	return state;
}

char *
writer_state_serial_path(const char *repository)
{
	const char *directory = keyring()->state_directory;

	return xasprintf("%s/%s/serial", directory != NULL ? directory : "DIR", repository);
}

char *
writer_state_location_path(const Repository *repository)
{
	const char *directory = keyring()->state_directory;
	char *path = location_path(repository);
	char *whole = xasprintf("%s/%s", directory != NULL ? directory : "DIR",
							path != NULL ? path : "locations");

	free(path);
	return whole;
}

bool
writer_state_serial(const char *repository, int64_t *serial)
{
	char *path = xasprintf("%s/serial", repository);
	Buffer content;
	StoreResult result;

	*serial = 0;
	buffer_init(&content);
	result = read_state(path, MAX_STATE_FILE, &content);
	if (result.code == STORE_OK && content.data != NULL)
		*serial = strtoll(content.data, NULL, 10);
	buffer_free(&content);
	return end_reading(path, &result);
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
	char *location = location_path(repository);
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
	bool found = path != NULL && read_state(path, MAX_MANIFEST_BYTES, json).code == STORE_OK;

	free(path);
	return found;
}

void
writer_state_save_manifest(const char *repository, const Owner *owner, const Buffer *json)
{
	char *path = manifest_path(repository, owner);
	StoreResult result;
	Storage *storage = open_state(true, &result);

	/* Only a saving of time is lost if this fails. */
	if (path != NULL && storage != NULL)
		result = storage_write(storage, path, json->data, json->length);
	if (keyring()->state_directory == NULL)
		log_warning_hint(NO_HOME_HINT, "there is no directory for a copy of the manifest");
	else if (result.code != STORE_OK)
		log_warning("could not keep a copy of the manifest in \"%s\": %s",
					keyring()->state_directory, result.text);
	if (storage != NULL)
		storage->close(storage);
	free(path);
}
