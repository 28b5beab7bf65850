/*-------------------------------------------------------------------------
 *
 * repair_run.c
 *	  Bring back what is missing or damaged in a repository from another place
 *	  of it.
 *
 * Objects have the names of their content, so nothing wrong can come in.  A
 * manifest is taken only if it is that of this backup and this repository, with
 * its seal and its signature, and if what is left here of the backup does not
 * contradict it: whoever can write to the other place cannot change what this
 * one restores.
 *
 *-------------------------------------------------------------------------
 */
#include "repair_run.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "backup_summary.h"
#include "backups.h"
#include "bad_objects.h"
#include "interrupt.h"
#include "log.h"
#include "memory.h"
#include "object_listing.h"
#include "object_transfer.h"
#include "progress.h"
#include "removal_lock.h"
#include "server_files.h"
#include "server_record.h"
#include "unclear.h"
#include "verification.h"

/* What is there of one server, in both places. */
typedef struct ServerState
{
	bool known;
	char server[LABEL_SIZE];
	ObjectListing to;
	ObjectListing from;
	ObjectSet bad_to;
	ObjectSet bad_from;
	ObjectSet done; /* brought back by us, or would be */
	ObjectSet lost; /* good in neither place, which was reported */
} ServerState;

typedef struct RepairRun
{
	const RepairRequest *request;
	Repository *to; /* both of the request */
	Repository *from;
	StoreLock *lock;     /* of copies to `to`; NULL: none */
	ServerState objects; /* of the server that the run has come to */
	int nfailed;
	bool ended; /* reported */
} RepairRun;

static void
forget_server(ServerState *state)
{
	if (!state->known)
		return;
	object_listing_free(&state->to);
	object_listing_free(&state->from);
	object_set_free(&state->bad_to);
	object_set_free(&state->bad_from);
	object_set_free(&state->done);
	object_set_free(&state->lost);
	memset(state, 0, sizeof(*state));
}

/* List the objects of a server in one of the places. */
static bool
list_objects(const Repository *repository, const char *server, ObjectListing *listing,
			 ObjectSet *bad)
{
	StoreResult result = object_listing_load(listing, repository, server);

	object_set_init(bad);
	bad_objects_load(repository, server, bad);
	return result.code == STORE_OK ||
		   report_error(EXIT_FAILED, NULL, result.hint, "could not list the objects in \"%s\": %s",
						repository->storage->location, result.text);
}

static bool
look_at_server(RepairRun *run, const char *server)
{
	ServerState *state = &run->objects;
	bool good;

	if (state->known && strcmp(state->server, server) == 0)
		return true;
	forget_server(state);
	state->known = true;
	memcpy(state->server, server, strlen(server) + 1);
	object_set_init(&state->done);
	object_set_init(&state->lost);
	good = list_objects(run->to, server, &state->to, &state->bad_to);
	return list_objects(run->from, server, &state->from, &state->bad_from) && good;
}

/* ---- the backup's own files ---- */

static bool
write_own_file(const RepairRun *run, const BackupName *name, const char *suffix,
			   const Buffer *content)
{
	Storage *storage = run->to->storage;
	char *path = backup_path(name, suffix);
	StoreResult result = run->request->dry_run
							 ? store_ok()
							 : storage_write(storage, path, content->data, content->length);
	bool good = result.code == STORE_OK ||
				report_error(EXIT_FAILED, NULL, result.hint, "could not write file \"%s/%s\": %s",
							 storage->location, path, result.text);

	free(path);
	return good;
}

/* Is it a list of digests from beginning to end? */
static bool
is_listing(const Buffer *file)
{
	size_t begin = 0;
	size_t i;

	for (i = 0; i < file->length; i++)
	{
		if (file->data[i] != '\n')
			continue;
		if (i < begin + DIGEST_HEX_LENGTH + 3 ||
			strspn(file->data + begin, "0123456789abcdef") != DIGEST_HEX_LENGTH)
			return false;
		begin = i + 1;
	}
	return file->length > 0 && begin == file->length;
}

/* The list of digests here, if it is intact, says what the backup consists of. */
static bool
agrees_with_listing(const RepairRun *run, const BackupName *name, const Manifest *manifest)
{
	char *path = backup_path(name, ".sha256");
	Buffer expected;
	Buffer found;
	bool good;

	buffer_init(&expected);
	buffer_init(&found);
	manifest_listing(manifest, &expected);
	good =
		storage_read(run->to->storage, path, MAX_MANIFEST_BYTES, &found).code != STORE_OK ||
		!is_listing(&found) ||
		(found.length == expected.length && memcmp(found.data, expected.data, found.length) == 0);
	buffer_free(&expected);
	buffer_free(&found);
	if (!good)
		report_error(EXIT_INTEGRITY, "One of them was forged or is of another backup.",
					 "Find out which of them is right. If it is the manifest, remove the file, and "
					 "repair again.",
					 "the manifest in \"%s\" does not match the intact file \"%s/%s\"",
					 run->from->storage->location, run->to->storage->location, path);
	free(path);
	return good;
}

/* The last verification of the backup here says which manifest it was about. */
static bool
agrees_with_verification(const RepairRun *run, const BackupName *name, const Manifest *manifest)
{
	DigestHex seal;
	char *path;

	repository_verified_manifest(run->to, name, seal);
	if (seal[0] == '\0' || strcmp(seal, manifest->seal) == 0)
		return true;
	path = backup_path(name, ".verified");
	report_error(EXIT_INTEGRITY, "One of them was forged or is of another backup.",
				 "Find out which of them is right. If it is the manifest, remove the file, and "
				 "repair again.",
				 "the manifest in \"%s\" is not the one that was verified, by the file \"%s/%s\"",
				 run->from->storage->location, run->to->storage->location, path);
	free(path);
	return false;
}

/* What is signed proves itself. */
static bool
agrees(const RepairRun *run, const BackupName *name, const Manifest *manifest)
{
	return run->to->encryption != NULL || (agrees_with_listing(run, name, manifest) &&
										   agrees_with_verification(run, name, manifest));
}

/* The manifest of the other place, in the place of the damaged one.  NULL: reported. */
static Manifest *
bring_manifest(RepairRun *run, RepairedBackup *backup, const char *damage)
{
	Manifest *manifest;
	char *error = NULL;
	Buffer json;

	buffer_init(&json);
	manifest = repository_manifest_stored(run->from, backup->name, &json, &error);
	if (manifest == NULL)
		report_error(EXIT_INTEGRITY, damage, NULL, "the manifest cannot be brought back: %s",
					 error);
	else if (agrees(run, backup->name, manifest) && repository_lock_held(run->to, run->lock) &&
			 write_own_file(run, backup->name, ".json", &json))
		backup->manifest = true;
	else
	{
		manifest_free(manifest);
		manifest = NULL;
	}
	buffer_free(&json);
	free(error);
	return manifest;
}

/*
 * The manifest, brought back if need be.  NULL without a report if the backup
 * was removed meanwhile; *gone says so.
 */
static Manifest *
get_manifest(RepairRun *run, RepairedBackup *backup, bool *gone)
{
	char *error = NULL;
	Manifest *manifest = repository_manifest_alone(run->to, backup->name, &error);

	*gone = false;
	if (manifest == NULL && run->to->manifest_unreadable)
		report_error(EXIT_FAILED, NULL, NULL, "%s", error);
	else if (manifest == NULL)
	{
		*gone = repository_was_removed(run->to, backup->name);
		manifest = *gone ? NULL : bring_manifest(run, backup, error);
	}
	free(error);
	return manifest;
}

/* The list of digests is a function of the manifest. */
static bool
mend_listing(RepairRun *run, RepairedBackup *backup, const Manifest *manifest)
{
	char *error = NULL;
	Buffer listing;
	bool good;

	if (repository_check_listing(run->to, backup->name, manifest, &error))
		return true;
	buffer_init(&listing);
	manifest_listing(manifest, &listing);
	if (run->to->manifest_unreadable)
		good = report_error(EXIT_FAILED, NULL, NULL, "%s", error);
	else
		good = backup->listing = write_own_file(run, backup->name, ".sha256", &listing);
	buffer_free(&listing);
	free(error);
	return good;
}

/* ---- objects ---- */

static bool
is_damaged(const ServerState *state, const Manifest *manifest, uint32_t object)
{
	const char *id = manifest->objects[object].id;
	uint64_t bytes;
	ListedObject found = object_listing_look(&state->to, manifest, object, &bytes);

	/* One that may not be read is another matter, and a verification names it. */
	return object_set_find(&state->done, id, manifest->codec) == NULL &&
		   (found == LISTED_ABSENT || found == LISTED_OTHER_LENGTH ||
			object_set_find(&state->bad_to, id, manifest->codec) != NULL);
}

static bool
is_good_there(const ServerState *state, const Manifest *manifest, uint32_t object)
{
	uint64_t bytes;

	return object_listing_look(&state->from, manifest, object, &bytes) == LISTED_GOOD &&
		   object_set_find(&state->bad_from, manifest->objects[object].id, manifest->codec) == NULL;
}

/* Say once of an object that it is lost. */
static void
note_lost(RepairRun *run, const Manifest *manifest, uint32_t object)
{
	char *path = manifest_object_path(manifest, object);

	object_set_add(&run->objects.lost, manifest->objects[object].id, manifest->codec);
	report_error(EXIT_INTEGRITY, NULL, "If there is a third place, try to repair from that.",
				 "file \"%s\" is missing or damaged in \"%s\" and in \"%s\"", path,
				 run->to->storage->location, run->from->storage->location);
	free(path);
}

/* What is to be brought back; what came before, and what is lost, is counted. */
static size_t
find_damaged(RepairRun *run, RepairedBackup *backup, const Manifest *manifest, uint32_t *positions)
{
	size_t count = 0;
	uint32_t i;

	for (i = 0; i < manifest->nobjects; i++)
	{
		const char *id = manifest->objects[i].id;
		bool known = object_set_find(&run->objects.lost, id, manifest->codec) != NULL;

		backup->shared += object_set_find(&run->objects.done, id, manifest->codec) != NULL;
		if (!known && !is_damaged(&run->objects, manifest, i))
			continue;
		if (!known && is_good_there(&run->objects, manifest, i))
		{
			positions[count++] = i;
			continue;
		}
		backup->lost++;
		if (!known)
			note_lost(run, manifest, i);
	}
	return count;
}

/* Note what was brought, for the backups that need it, too. */
static void
note_brought(RepairRun *run, RepairedBackup *backup, const TransferRequest *request,
			 const TransferResult *result)
{
	const Manifest *manifest = request->manifest;
	size_t i;

	for (i = 0; i < request->count; i++)
	{
		object_set_add(result->brought[i] ? &run->objects.done : &run->objects.lost,
					   manifest->objects[request->positions[i]].id, manifest->codec);
	}
	backup->objects = result->objects;
	backup->bytes = result->bytes;
	backup->lost += request->count - result->objects;
}

/* A dry run: say what would be brought. */
static void
pretend(RepairRun *run, RepairedBackup *backup, const TransferRequest *request)
{
	size_t i;

	for (i = 0; i < request->count; i++)
	{
		const ManifestObject *object = &request->manifest->objects[request->positions[i]];

		object_set_add(&run->objects.done, object->id, request->manifest->codec);
		backup->bytes += object->bytes;
	}
	backup->objects = request->count;
}

static bool
mend_objects(RepairRun *run, RepairedBackup *backup, const Manifest *manifest)
{
	uint32_t *positions = xcalloc((size_t) manifest->nobjects + 1, sizeof(uint32_t));
	TransferRequest request = {.from = run->from,
							   .to = run->to,
							   .manifest = manifest,
							   .positions = positions,
							   .hint = "If there is a third place, try to repair from that.",
							   .threads = run->request->threads,
							   .bad = &run->objects.bad_to};
	TransferResult result;

	request.count = find_damaged(run, backup, manifest, positions);
	progress_phase("repairing", "objects", request.count, 0);
	if (run->request->dry_run)
		pretend(run, backup, &request);
	else if (request.count > 0)
	{
		run->ended = !objects_transfer(&request, &result);
		if (!run->ended)
			note_brought(run, backup, &request, &result);
		transfer_result_free(&result);
		run->ended = run->ended || !repository_lock_held(run->to, run->lock);
	}
	free(positions);
	return !run->ended && backup->lost == 0;
}

/* ---- all of it ---- */

static void
repair_backup(RepairRun *run, const BackupName *name)
{
	RepairedBackup backup = {.name = name};
	bool gone;
	bool good;
	Manifest *manifest = get_manifest(run, &backup, &gone);

	if (gone)
		return;
	good = manifest != NULL && mend_listing(run, &backup, manifest);
	if (manifest != NULL)
	{
		run->ended = !look_at_server(run, manifest->server.label);
		good = !run->ended && mend_objects(run, &backup, manifest) && good;
	}
	if (!good)
		backup.state = REPAIR_FAILED;
	else if (backup.manifest || backup.listing || backup.objects + backup.shared > 0)
		backup.state = run->request->dry_run ? REPAIR_PENDING : REPAIR_DONE;
	run->nfailed += !good;
	if (!interrupted())
		run->request->repaired(&backup, run->request->argument);
	manifest_free(manifest);
}

static bool
repair_server_file(const char *server, void *argument)
{
	const RepairRun *run = argument;

	return server_file_repair(run->from, run->to, server, run->request->dry_run);
}

bool
repair_run(const RepairRequest *request, const BackupName *names, int count)
{
	RepairRun run = {.request = request, .to = request->to, .from = request->from};
	char *label = NULL;
	int i;

	if (!repository_lock_shared(request->to) ||
		(!request->dry_run &&
		 (!removal_lock_possible(request->to) || !repository_lock_copy(request->to, &run.lock))))
		return false;
	removal_lock_longest(request->to);
	if (!request->dry_run && !unclear_may_add(request->to, names, count))
	{
		repository_unlock(request->to, run.lock);
		return false;
	}
	run.nfailed += !servers_each(names, count, repair_server_file, &run);
	for (i = 0; i < count && !run.ended && !stop_requested(); i++)
	{
		char *before = label;

		label = backup_label(&names[i]);
		progress_item((unsigned) i + 1, (unsigned) count, label);
		free(before);
		repair_backup(&run, &names[i]);
	}
	progress_item(0, 0, NULL);
	free(label);
	forget_server(&run.objects);
	repository_unlock(request->to, run.lock);
	return run.nfailed == 0 && !run.ended && !stop_requested();
}
