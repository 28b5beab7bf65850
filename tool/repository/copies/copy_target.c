/*-------------------------------------------------------------------------
 *
 * copy_target.c
 *	  What is there already in the place that backups are copied to.
 *
 *-------------------------------------------------------------------------
 */
#include "copy_target.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backup_list.h"
#include "backups.h"
#include "bad_objects.h"
#include "log.h"
#include "memory.h"
#include "object_listing.h"

/* The objects of one server. */
typedef struct ServerObjects
{
	char server[LABEL_SIZE];
	ObjectListing listing;
	ObjectSet bad;     /* what somebody found damaged */
	ObjectSet vouched; /* by a manifest that is there */
	ObjectSet brought; /* by this copy */
	struct ServerObjects *next;
} ServerObjects;

/* A file of the owner whose directory was listed last. */
typedef struct OwnFile
{
	char name[BACKUP_ID_SIZE + 16];
	uint64_t bytes;
} OwnFile;

struct CopyTarget
{
	Repository *to;
	ServerObjects *servers;
	CopiedNote note;
	bool asked_all; /* the manifests that are there, what they vouch for */
	bool owner_known;
	Owner owner; /* of these: */
	OwnFile *files;
	size_t nfiles;
};

CopyTarget *
copy_target_create(Repository *to)
{
	CopyTarget *target = xcalloc(1, sizeof(CopyTarget));

	target->to = to;
	buffer_init(&target->note.text);
	if (to != NULL && to->storage->can.barrier_needed)
		copied_note_load(&target->note, to);
	return target;
}

void
copy_target_free(CopyTarget *target)
{
	ServerObjects *server;

	if (target == NULL)
		return;
	while ((server = target->servers) != NULL)
	{
		target->servers = server->next;
		object_listing_free(&server->listing);
		object_set_free(&server->bad);
		object_set_free(&server->vouched);
		object_set_free(&server->brought);
		free(server);
	}
	copied_note_free(&target->note);
	free(target->files);
	free(target);
}

/* ---- manifests ---- */

static bool
is_own_file(const char *name, void *argument)
{
	(void) argument;
	return strchr(name, '/') == NULL && strlen(name) < sizeof(((OwnFile *) NULL)->name);
}

static void
note_own_file(const StoreEntry *file, void *argument)
{
	CopyTarget *target = argument;
	OwnFile *own;

	target->files = xrealloc(target->files, (target->nfiles + 1) * sizeof(OwnFile));
	own = &target->files[target->nfiles++];
	snprintf(own->name, sizeof(own->name), "%s", file->name);
	own->bytes = file->bytes;
}

/* List what there is of an owner, once. */
static bool
look_at_owner(CopyTarget *target, const Owner *owner)
{
	FileListing files = {is_own_file, note_own_file, target};
	Storage *storage = target->to->storage;
	StoreResult result;
	char *directory;

	if (target->owner_known && owner_equal(owner, &target->owner))
		return true;
	target->nfiles = 0;
	target->owner = *owner;
	directory = owner_directory(owner);
	result = storage->list_files(storage, directory, &files);
	target->owner_known = result.code == STORE_OK || result.code == STORE_ABSENT;
	if (!target->owner_known)
		report_error(EXIT_FAILED, NULL, result.hint, "could not list the backups in \"%s/%s\": %s",
					 storage->location, directory, result.text);
	free(directory);
	return target->owner_known;
}

static bool
has_file(const CopyTarget *target, const char *id, const char *suffix, uint64_t bytes)
{
	char name[sizeof(((OwnFile *) NULL)->name)];
	size_t i;

	snprintf(name, sizeof(name), "%s%s", id, suffix);
	for (i = 0; i < target->nfiles; i++)
	{
		if (strcmp(target->files[i].name, name) == 0)
			return target->files[i].bytes == bytes;
	}
	return false;
}

bool
copy_target_has(CopyTarget *target, const BackupName *name, uint64_t manifest, uint64_t listing,
				bool *known)
{
	*known = target->to == NULL || look_at_owner(target, &name->owner);
	return target->to != NULL && *known && has_file(target, name->id, ".json", manifest) &&
		   has_file(target, name->id, ".sha256", listing);
}

/* ---- objects ---- */

/* The objects of a server; NULL (reported) if they cannot be listed. */
static ServerObjects *
server_objects(CopyTarget *target, const char *label)
{
	ServerObjects *server;
	StoreResult result = store_ok();

	for (server = target->servers; server != NULL; server = server->next)
	{
		if (strcmp(server->server, label) == 0)
			return server;
	}
	server = xcalloc(1, sizeof(ServerObjects));
	snprintf(server->server, sizeof(server->server), "%s", label);
	object_set_init(&server->listing.objects);
	object_set_init(&server->bad);
	object_set_init(&server->vouched);
	object_set_init(&server->brought);
	if (target->to != NULL)
		result = object_listing_load(&server->listing, target->to, label);
	if (result.code != STORE_OK)
	{
		report_error(EXIT_FAILED, NULL, result.hint, "could not list the objects in \"%s\": %s",
					 target->to->storage->location, result.text);
		object_listing_free(&server->listing);
		free(server);
		return NULL;
	}
	if (target->to != NULL)
		bad_objects_load(target->to, label, &server->bad);
	server->next = target->servers;
	target->servers = server;
	return server;
}

static void
vouch(CopyTarget *target, const Manifest *manifest)
{
	ServerObjects *server = server_objects(target, manifest->server.label);
	uint32_t i;

	for (i = 0; server != NULL && i < manifest->nobjects; i++)
		object_set_add(&server->vouched, manifest->objects[i].id, manifest->codec);
}

/* What the manifests that are there name. */
static void
ask_all(CopyTarget *target)
{
	BackupName *names = NULL;
	int count = 0;
	int i;

	target->asked_all = true;
	if (!repository_list(target->to, NULL, &names, &count))
		return;
	for (i = 0; i < count; i++)
	{
		char *error = NULL;
		Manifest *manifest = repository_manifest_alone(target->to, &names[i], &error);

		if (manifest != NULL)
			vouch(target, manifest);
		manifest_free(manifest);
		free(error);
	}
	free(names);
}

/* May a backup rest on what the listing shows? */
static bool
can_rely_on(CopyTarget *target, ServerObjects *server, const Manifest *manifest, uint32_t object)
{
	const StoreCapabilities *can = &target->to->storage->can;
	const char *id = manifest->objects[object].id;
	bool noted;
	char *path;

	if (object_set_find(&server->vouched, id, manifest->codec) != NULL)
		return true;
	if (!can->barrier_needed &&
		(!can->lease || object_listing_is_fresh(&server->listing, manifest, object)))
		return true;
	path = manifest_object_path(manifest, object);
	noted = copied_note_has(&target->note, path);
	free(path);
	if (noted)
		return true;
	if (!target->asked_all)
		ask_all(target);
	return object_set_find(&server->vouched, id, manifest->codec) != NULL;
}

bool
copy_target_missing(CopyTarget *target, const Manifest *manifest, uint32_t *positions,
					size_t *count)
{
	ServerObjects *server = server_objects(target, manifest->server.label);
	uint64_t bytes;
	uint32_t i;

	*count = 0;
	for (i = 0; server != NULL && i < manifest->nobjects; i++)
	{
		const char *id = manifest->objects[i].id;

		if (object_set_find(&server->brought, id, manifest->codec) != NULL)
			continue;
		if (object_listing_look(&server->listing, manifest, i, &bytes) != LISTED_GOOD ||
			object_set_find(&server->bad, id, manifest->codec) != NULL ||
			!can_rely_on(target, server, manifest, i))
			positions[(*count)++] = i;
	}
	return server != NULL;
}

void
copy_target_brought(CopyTarget *target, const Manifest *manifest, uint32_t object)
{
	ServerObjects *server = server_objects(target, manifest->server.label);
	char *path;

	if (server != NULL)
		object_set_add(&server->brought, manifest->objects[object].id, manifest->codec);
	if (target->to == NULL || !target->to->storage->can.barrier_needed)
		return;
	path = manifest_object_path(manifest, object);
	copied_note_add(&target->note, path);
	free(path);
}

void
copy_target_note(CopyTarget *target)
{
	if (target->to->storage->can.barrier_needed)
		copied_note_write(&target->note, target->to);
}

void
copy_target_published(CopyTarget *target, const Manifest *manifest)
{
	vouch(target, manifest);
	copied_note_settle(&target->note);
}

void
copy_target_complete(CopyTarget *target)
{
	if (target->to != NULL && target->to->storage->can.barrier_needed)
		copied_note_remove(target->to);
}

const ObjectSet *
copy_target_bad(CopyTarget *target, const Manifest *manifest)
{
	return &server_objects(target, manifest->server.label)->bad;
}
