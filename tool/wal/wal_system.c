/*-------------------------------------------------------------------------
 *
 * wal_system.c
 *	  The WAL of one system identifier in a repository.
 *
 *-------------------------------------------------------------------------
 */
#include "wal_system.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "encryption.h"
#include "json_bounds.h"
#include "log.h"
#include "memory.h"
#include "seal.h"
#include "seal_append.h"
#include "utc_time.h"

#define SIGNED_SYSTEM "nex_backup/1 wal cluster"
#define MAX_SYSTEM_BYTES (64 * 1024)
#define SYSTEM_HINT                                                                                \
	"It says how large the segments are. Bring it back from a copy of the repository; or move it " \
	"away, and push a segment of this server, which writes it again."

static char *
system_file_path(uint64_t id)
{
	return xasprintf(WAL_TREE "/%016" PRIx64 "/" WAL_SYSTEM_FILE, id);
}

/* ---- cluster.json ---- */

/* What it says; NULL when good. */
static const char *
take_system(const json_t *root, WalSystem *system)
{
	const char *repository = json_string_value(json_object_get(root, "repository"));
	const char *text = json_string_value(json_object_get(root, "system_identifier"));
	json_int_t segment = json_integer_value(json_object_get(root, "segment_size"));
	json_int_t block = json_integer_value(json_object_get(root, "block_size"));
	char *end = NULL;

	errno = 0;
	if (json_integer_value(json_object_get(root, "format")) != 1 || text == NULL || segment < 0 ||
		!wal_segment_size_valid((uint64_t) segment) || block < 1024 || block > 65536 ||
		strtoull(text, &end, 10) != system->id || errno != 0 || *end != '\0')
		return "has a bad or missing value";
	if (repository == NULL || strcmp(repository, system->repository->id) != 0)
		return "belongs to another repository";
	system->segment_size = (uint32_t) segment;
	system->block_size = (uint32_t) block;
	system->major = (int) json_integer_value(json_object_get(root, "postgres"));
	return NULL;
}

static const char *
parse_system(const Buffer *file, WalSystem *system)
{
	static const JsonBounds bounds = {MAX_SYSTEM_BYTES, 4, 100};
	const Encryption *encryption = system->repository->encryption;
	const char *text = file->data != NULL ? file->data : "";
	const char *problem = seal_check(text, file->length);
	json_t *root;

	if (problem == NULL && encryption != NULL)
		problem = encryption_check(encryption, SIGNED_SYSTEM, text, file->length);
	if (problem == NULL)
		problem = json_beyond(text, file->length, &bounds);
	if (problem != NULL)
		return problem;
	root = json_loadb(text, file->length, JSON_REJECT_DUPLICATES, NULL);
	problem = take_system(root, system);
	json_decref(root);
	return problem;
}

bool
wal_system_open(Repository *repository, uint64_t id, WalSystem *system, StoreResult *result)
{
	char *path = system_file_path(id);
	const char *problem = NULL;
	bool good;
	Buffer file;

	memset(system, 0, sizeof(*system));
	system->repository = repository;
	system->id = id;
	buffer_init(&file);
	*result = storage_read(repository->storage, path, MAX_SYSTEM_BYTES, &file);
	good = result->code == STORE_OK;
	if (good)
		problem = parse_system(&file, system);
	else if (result->code != STORE_ABSENT)
		repository_unreadable(repository, path, result);
	if (problem != NULL)
	{
		good = repository_damaged(repository, path, problem, SYSTEM_HINT);
		*result = store_failure(STORE_FAILED, NULL, "%s", problem);
	}
	buffer_free(&file);
	free(path);
	return good;
}

static bool
write_system(Repository *repository, const WalHead *head, StoreResult *result)
{
	const Encryption *encryption = repository->encryption;
	const PutOptions options = {.mode = PUT_CREATE, .locked_until = repository->removal_lock.until};
	char *path = system_file_path(head->system_identifier);
	char *now = utc_now();
	Buffer json;
	bool good;

	buffer_init(&json);
	buffer_printf(&json,
				  "{\n\"format\": 1,\n\"repository\": \"%s\",\n\"system_identifier\": \"%" PRIu64
				  "\",\n\"segment_size\": %" PRIu32 ",\n\"block_size\": %" PRIu32
				  ",\n\"postgres\": %d,\n\"created\": \"%s\"",
				  repository->id, head->system_identifier, head->segment_size, head->block_size,
				  head->major, now);
	if (encryption != NULL)
		buffer_printf(&json, ",\n\"cipher\": \"%s\",\n\"recipients\": \"%s\"",
					  cipher_name(encryption->cipher), encryption->recipients_id);
	good = (encryption == NULL || encryption_sign(encryption, SIGNED_SYSTEM, &json)) &&
		   seal_append(&json);
	if (!good)
		report_error(EXIT_FAILED, NULL, NULL, "could not sign: OpenSSL refuses");
	else
	{
		*result =
			repository->storage->put(repository->storage, path, json.data, json.length, &options);
		good = result->code == STORE_OK || result->code == STORE_EXISTS ||
			   report_error(EXIT_FAILED, NULL, result->hint, "could not write file \"%s/%s\": %s",
							repository->storage->location, path, result->text);
	}
	buffer_free(&json);
	free(now);
	free(path);
	return good;
}

bool
wal_system_create(Repository *repository, const WalHead *head, WalSystem *system)
{
	StoreResult result;

	if (wal_system_open(repository, head->system_identifier, system, &result))
		return true;
	if (result.code != STORE_ABSENT || !write_system(repository, head, &result))
		return false;
	if (wal_system_open(repository, head->system_identifier, system, &result))
		return true;
	return result.code != STORE_ABSENT
			   ? false
			   : report_error(EXIT_FAILED, NULL, NULL,
							  "file \"" WAL_SYSTEM_FILE "\" in repository \"%s\" was removed "
							  "meanwhile",
							  repository->storage->location);
}

/* ---- listings ---- */

void
wal_listing_note(WalListing *listing, const char *path)
{
	listing->unknown =
		xrealloc(listing->unknown, (listing->nunknown + 1) * sizeof(*listing->unknown));
	listing->unknown[listing->nunknown++] = xstrdup(path);
}

void
wal_listing_free(WalListing *listing)
{
	size_t i;

	for (i = 0; i < listing->nunknown; i++)
		free(listing->unknown[i]);
	free(listing->unknown);
	free(listing->files);
	memset(listing, 0, sizeof(*listing));
}

/* What means nothing by the format: unfinished, or of the file system. */
static bool
is_harmless(const char *name)
{
	const char *slash = strrchr(name, '/');
	const char *base = slash != NULL && slash[1] != '\0' ? slash + 1 : name;
	size_t length = strlen(base);

	return strcmp(base, "lost+found/") == 0 || strncmp(base, ".nfs", 4) == 0 ||
		   (length > 4 && strcmp(base + length - 4, ".tmp") == 0);
}

typedef struct Listed
{
	const WalSystem *system;
	const char *path; /* that is listed */
	WalListing *listing;
	char *asked; /* a name that is no directory's, and was not visited yet */
} Listed;

/* What is listed but not visited is no file: a link, say.  It is there, so nothing ends before it.
 */
static void
note_asked(Listed *listed)
{
	char *path;

	if (listed->asked == NULL)
		return;
	path = xasprintf("%s/%s", listed->path, listed->asked);
	wal_listing_note(listed->listing, path);
	free(path);
	free(listed->asked);
	listed->asked = NULL;
}

/* The name of a WAL file, but of a directory? */
static bool
is_file_name(const char *name, size_t length)
{
	char *stem = xasprintf("%.*s", (int) length, name);
	const char *slash = strrchr(stem, '/');
	WalFile file;
	bool is = wal_file_parse(slash != NULL ? slash + 1 : stem, &file);

	free(stem);
	return is;
}

static bool
is_wanted(const char *name, void *argument)
{
	Listed *listed = argument;
	size_t length = strlen(name);
	bool directory = length > 0 && name[length - 1] == '/';

	note_asked(listed);
	if (is_harmless(name))
	{
		listed->listing->unfinished |= length > 4 && strcmp(name + length - 4, ".tmp") == 0;
		return false;
	}
	if (!directory || is_file_name(name, length - 1))
		listed->asked = xstrdup(name);
	return true;
}

/* A file: does it lie where one of its name belongs? */
static void
visit_file(const StoreEntry *entry, void *argument)
{
	Listed *listed = argument;
	WalListing *listing = listed->listing;
	char *path = xasprintf("%s/%s", listed->path, entry->name);
	char *expected = NULL;
	size_t directory = (size_t) (strrchr(path, '/') - path);
	WalFile file;

	free(listed->asked);
	listed->asked = NULL;
	if (wal_file_parse(path + directory + 1, &file))
		expected = wal_directory(listed->system->id, &file.name);
	if (expected != NULL && strlen(expected) == directory &&
		strncmp(path, expected, directory) == 0)
	{
		if ((listing->count & (listing->count - 1)) == 0)
			listing->files =
				xrealloc(listing->files,
						 (listing->count == 0 ? 1 : listing->count * 2) * sizeof(*listing->files));
		file.bytes = entry->bytes;
		file.age = entry->age;
		listing->files[listing->count++] = file;
	}
	else
	{
		free(expected);
		expected = system_file_path(listed->system->id);
		if (strcmp(path, expected) != 0)
			wal_listing_note(listing, path);
	}
	free(expected);
	free(path);
}

StoreResult
wal_list(const WalSystem *system, const char *directory, WalListing *listing)
{
	Storage *storage = system->repository->storage;
	char *top = wal_system_path(system->id);
	char *path = directory[0] != '\0' ? xasprintf("%s/%s", top, directory) : xstrdup(top);
	Listed listed = {system, path, listing, NULL};
	const FileListing request = {is_wanted, visit_file, &listed};
	StoreResult result;

	memset(listing, 0, sizeof(*listing));
	result = storage->list_files(storage, path, &request);
	if (result.code == STORE_OK)
		note_asked(&listed);
	free(listed.asked);
	listing->absent = result.code == STORE_ABSENT;
	if (listing->absent)
		result = store_ok();
	free(path);
	free(top);
	return result;
}

bool
wal_list_failed(const WalSystem *system, const StoreResult *result)
{
	return report_error(EXIT_FAILED, NULL, result->hint,
						"could not list the WAL of system identifier %" PRIu64
						" in repository \"%s\": %s",
						system->id, system->repository->storage->location, result->text);
}

typedef struct Systems
{
	uint64_t *ids;
	size_t count;
	WalListing *unknown;
} Systems;

static bool
visit_system(const char *name, void *argument)
{
	Systems *systems = argument;
	size_t length = strcspn(name, "/");
	char *stem = xasprintf("%.*s", (int) length, name);
	uint64_t id;

	if (name[length] == '/' && wal_system_parse(stem, &id))
	{
		systems->ids = xrealloc(systems->ids, (systems->count + 1) * sizeof(*systems->ids));
		systems->ids[systems->count++] = id;
	}
	else if (!is_harmless(name))
	{
		char *path = xasprintf(WAL_TREE "/%s", name);

		wal_listing_note(systems->unknown, path);
		free(path);
	}
	free(stem);
	return true;
}

StoreResult
wal_systems(Repository *repository, uint64_t **ids, size_t *count, WalListing *unknown)
{
	Systems systems = {NULL, 0, unknown};
	StoreResult result =
		repository->storage->list(repository->storage, WAL_TREE, visit_system, &systems);

	*ids = systems.ids;
	*count = systems.count;
	return result.code == STORE_ABSENT ? store_ok() : result;
}
