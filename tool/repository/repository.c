/*-------------------------------------------------------------------------
 *
 * repository.c
 *	  Opening, creating and locking a repository; its backups by name.
 *
 *-------------------------------------------------------------------------
 */
#include "repository.h"

#include <errno.h>
#include <jansson.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "log.h"
#include "memory.h"
#include "quote.h"
#include "recover_text.h"
#include "seal.h"

#define FRAME_FILE "nex_backup.json"
#define RECOVER_FILE "RECOVER.txt"
#define REPOSITORY_LOCK "lock/repository"
#define MAX_FRAME_BYTES (1024 * 1024)

#define FRAME_HINT                                                                                 \
	"Copy the file from another copy of the repository; the backups in it do not depend on it."
#define RECOVER_HINT                                                                               \
	"Run \"nex_backup init --repo …\" for this repository; it writes RECOVER.txt anew."

bool
repository_damaged(const Repository *repository, const char *path, const char *problem,
				   const char *hint)
{
	return report_error(EXIT_INTEGRITY, NULL, hint, "file \"%s/%s\" %s",
						repository->storage->location, path, problem);
}

/* A random UUID (version 4). */
static char *
new_uuid(void)
{
	unsigned char b[16];

	if (RAND_bytes(b, sizeof(b)) != 1)
		return NULL;
	b[6] = (unsigned char) ((b[6] & 0x0f) | 0x40);
	b[8] = (unsigned char) ((b[8] & 0x3f) | 0x80);
	return xasprintf("%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0],
					 b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12],
					 b[13], b[14], b[15]);
}

static bool
write_failed(const Repository *repository, const char *path, int error)
{
	return report_error(EXIT_FAILED, strerror(error), NULL, "could not write file \"%s/%s\"",
						repository->storage->location, path);
}

/* RECOVER.txt first, then nex_backup.json that vouches for it: a crash in between is mended by
 * init. */
static bool
write_frame(Repository *repository)
{
	const char *text = recover_text();
	Storage *storage = repository->storage;
	Buffer json;
	int error;

	if (!digest_buffer(text, strlen(text), repository->recover_digest))
		return report_error(EXIT_FAILED, NULL, NULL, "could not compute a SHA-256 digest");
	error = storage->write(storage, RECOVER_FILE, text, strlen(text), true);
	if (error != 0)
		return write_failed(repository, RECOVER_FILE, error);
	buffer_init(&json);
	buffer_printf(
		&json,
		"{\n\"format\": 1,\n\"id\": \"%s\",\n\"created\": \"%s\",\n\"recover_sha256\": \"%s\"",
		repository->id, repository->created, repository->recover_digest);
	if (!seal_append(&json))
		error = ENOMEM;
	else
		error = storage->write(storage, FRAME_FILE, json.data, json.length, true);
	buffer_free(&json);
	return error == 0 || write_failed(repository, FRAME_FILE, error);
}

/* Fill in the repository from nex_backup.json. */
static bool
parse_frame(Repository *repository, const Buffer *file)
{
	const char *problem = seal_check(file->data, file->length);
	const char *recover;
	const char *created;
	const char *id;
	bool good = true;
	json_t *root;

	if (problem != NULL)
		return repository_damaged(repository, FRAME_FILE, problem, FRAME_HINT);
	root = json_loadb(file->data, file->length, JSON_REJECT_DUPLICATES, NULL);
	id = json_string_value(json_object_get(root, "id"));
	created = json_string_value(json_object_get(root, "created"));
	recover = json_string_value(json_object_get(root, "recover_sha256"));
	if (json_integer_value(json_object_get(root, "format")) != 1)
		good =
			report_error(EXIT_FAILED, NULL, "Use a version of nex_backup that knows this format.",
						 "repository \"%s\" has an unknown format", repository->storage->location);
	else if (id == NULL || created == NULL || recover == NULL || !digest_hex_valid(recover))
		good = repository_damaged(repository, FRAME_FILE, "lacks a key", FRAME_HINT);
	else
	{
		repository->id = xstrdup(id);
		repository->created = xstrdup(created);
		memcpy(repository->recover_digest, recover, sizeof(repository->recover_digest));
	}
	json_decref(root);
	return good;
}

/* Open the storage and read nex_backup.json; ENOENT in *error if there is none. */
static Repository *
open_location(const char *location, bool create, int *error)
{
	Repository *repository;
	Storage *storage = posix_storage_open(location, create, error);
	Buffer file;

	if (storage == NULL)
		return NULL;
	repository = xcalloc(1, sizeof(Repository));
	repository->storage = storage;
	repository->shared_lock = -1;
	buffer_init(&file);
	*error = storage->read(storage, FRAME_FILE, MAX_FRAME_BYTES, &file);
	if (*error == 0 && !parse_frame(repository, &file))
		*error = EBADMSG;
	buffer_free(&file);
	return repository;
}

Repository *
repository_open(const char *location)
{
	Repository *repository;
	int error;

	repository = open_location(location, false, &error);
	if (error == 0)
		return repository;
	repository_close(repository);
	if (error == EBADMSG)
		return NULL;
	if (error == ENOENT || error == ENOTDIR)
	{
		char *hint =
			xasprintf("Create it with \"nex_backup init --repo %s\", or check the path.", location);

		report_error(EXIT_FAILED, NULL, hint, "there is no repository in \"%s\"", location);
		free(hint);
	}
	else
		report_error(EXIT_FAILED, strerror(error), NULL, "could not open repository \"%s\"",
					 location);
	return NULL;
}

void
repository_close(Repository *repository)
{
	if (repository == NULL)
		return;
	if (repository->shared_lock >= 0)
		repository_unlock(repository, repository->shared_lock);
	repository->storage->close(repository->storage);
	free(repository->id);
	free(repository->created);
	free(repository);
}

static bool
note_any_name(const char *name, void *argument)
{
	(void) name;
	*(bool *) argument = true;
	return false;
}

/* RECOVER.txt is what nex_backup.json says; *problem tells what else it is. */
static bool
recover_is_intact(Repository *repository, const char **problem)
{
	DigestHex digest;
	Buffer file;
	int error;

	buffer_init(&file);
	error = repository->storage->read(repository->storage, RECOVER_FILE, MAX_FRAME_BYTES, &file);
	*problem = error == ENOENT ? "is missing" : error != 0 ? "could not be read" : NULL;
	if (*problem == NULL &&
		(!digest_buffer(file.data != NULL ? file.data : "", file.length, digest) ||
		 strcmp(digest, repository->recover_digest) != 0))
		*problem = "does not match the digest in " FRAME_FILE;
	buffer_free(&file);
	return *problem == NULL;
}

static bool
create_frame(Repository *repository, const char *location)
{
	Storage *storage = repository->storage;
	bool occupied = false;
	struct tm tm;
	char text[32];
	time_t now;

	storage->list(storage, ".", note_any_name, &occupied);
	if (occupied)
		return report_error(EXIT_FAILED, NULL, "Choose an empty or new directory.",
							"directory \"%s\" is neither empty nor a repository", location);
	time(&now);
	gmtime_r(&now, &tm);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
	repository->created = xstrdup(text);
	repository->id = new_uuid();
	if (repository->id == NULL)
		return report_error(EXIT_FAILED, NULL, NULL, "could not generate random bytes");
	return write_frame(repository);
}

bool
repository_init(const char *location, bool *created)
{
	Repository *repository;
	const char *problem;
	bool good = true;
	int error;

	repository = open_location(location, true, &error);
	*created = error == ENOENT;
	if (error == ENOENT && repository != NULL)
		good = create_frame(repository, location);
	else if (error == EBADMSG)
		good = false;
	else if (error != 0)
		good = report_error(EXIT_FAILED, strerror(error), NULL,
							"could not create repository \"%s\"", location);
	else if (!recover_is_intact(repository, &problem))
		good = write_frame(repository);
	repository_close(repository);
	return good;
}

bool
repository_check_frame(Repository *repository)
{
	const char *problem;

	/* nex_backup.json was checked when the repository was opened. */
	if (!recover_is_intact(repository, &problem))
		return repository_damaged(repository, RECOVER_FILE, problem, RECOVER_HINT);
	return true;
}

bool
repository_lock_shared(Repository *repository)
{
	Storage *storage = repository->storage;
	int error = storage->lock(storage, REPOSITORY_LOCK, false, &repository->shared_lock);

	if (error == 0)
		return true;
	repository->shared_lock = -1;
	if (error == EWOULDBLOCK)
		return report_error(
			EXIT_LOCKED, NULL,
			"Try again when \"nex_backup expire\" is done; it is a matter of seconds.",
			"repository \"%s\" is being cleaned up", storage->location);
	/* Nobody can remove anything from what cannot be written to. */
	if (error == EROFS || error == EACCES || error == ENOENT)
		return true;
	return report_error(EXIT_FAILED, strerror(error), NULL, "could not lock repository \"%s\"",
						storage->location);
}

bool
repository_lock_exclusive(Repository *repository, int *handle)
{
	Storage *storage = repository->storage;

	return storage->lock(storage, REPOSITORY_LOCK, true, handle) == 0;
}

bool
repository_lock_backup(Repository *repository, const char *database, int *handle)
{
	Storage *storage = repository->storage;
	char directory[DATABASE_DIRECTORY_SIZE];
	char *name = printable_name(database);
	char *path;
	int error;

	*handle = -1;
	if (!database_directory_encode(database, directory))
		return report_error(EXIT_FAILED, NULL, NULL, "database name \"%s\" is not valid", name);
	path = xasprintf("lock/backup-%s", directory);
	error = storage->lock(storage, path, true, handle);
	if (error == EWOULDBLOCK)
		report_error(EXIT_LOCKED, NULL, "Wait until it ends.",
					 "another backup of database \"%s\" is running", name);
	else if (error != 0)
		report_error(EXIT_FAILED, strerror(error),
					 "The repository must be writable for the user who runs the backup.",
					 "could not lock file \"%s/%s\"", storage->location, path);
	free(path);
	free(name);
	return error == 0;
}

void
repository_unlock(Repository *repository, int handle)
{
	repository->storage->unlock(repository->storage, handle);
}
