/*-------------------------------------------------------------------------
 *
 * copy_run.c
 *	  Copy backups to another place, byte for byte.
 *
 * A backup whose objects are damaged is not published, and the others are: so
 * a copy goes on after damage, as a verification does, and ends with what is
 * wrong with the place that is written to, or with the way there.
 *
 *-------------------------------------------------------------------------
 */
#include "copy_run.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "backup_summary.h"
#include "backups.h"
#include "copy_locks.h"
#include "copy_target.h"
#include "interrupt.h"
#include "log.h"
#include "memory.h"
#include "object_transfer.h"
#include "progress.h"
#include "server_files.h"
#include "server_record.h"
#include "unclear.h"

/* What is brought between two looks at the locks, and noted for the next copy. */
#define BATCH_OBJECTS 256
#define BATCH_BYTES ((uint64_t) 512 * 1024 * 1024)

#define DAMAGED_HINT                                                                               \
	"\"nex_backup verify\" names all bad files, and \"nex_backup repair\" brings them back from "  \
	"another place."

typedef struct CopyRun
{
	const CopyRequest *request;
	Repository *from; /* both of the request */
	Repository *to;
	CopyTarget *target;
	CopyLocks locks;   /* there */
	ObjectSet damaged; /* found on the way, of the server of this label */
	char damaged_of[LABEL_SIZE];
	StoreLock *lock;              /* of copies to `to`; NULL: none */
	const BackupName *left_first; /* that was not copied as its objects are damaged; NULL: none */
	const BackupName *left_last;
	int nleft; /* how many were not */
	int nfailed;
	bool ended; /* reported: nothing more can be copied */
} CopyRun;

/* A backup that is being copied. */
typedef struct Item
{
	CopiedBackup result;
	Manifest *manifest;
	Buffer json;    /* of the manifest, as it is stored */
	Buffer listing; /* of its digests */
	bool present;
	uint32_t *missing; /* positions of objects */
	size_t nmissing;
	size_t ndamaged;
	bool unreadable;
	bool full; /* there is no space for it; a smaller one may fit */
} Item;

/* ---- what is to be copied ---- */

/* Read the two files of a backup.  False: what is wrong is in the item, and was reported. */
static bool
read_files(CopyRun *run, Item *item)
{
	const BackupName *name = item->result.name;
	char *error = NULL;

	item->manifest = repository_manifest_stored(run->from, name, &item->json, &error);
	if (item->manifest != NULL &&
		!repository_check_listing(run->from, name, item->manifest, &error))
	{
		manifest_free(item->manifest);
		item->manifest = NULL;
	}
	if (item->manifest != NULL)
		manifest_listing(item->manifest, &item->listing);
	else if (run->from->manifest_unreadable)
	{
		item->result.state = COPY_FAILED;
		report_error(EXIT_FAILED, NULL, NULL, "%s", error);
	}
	else if (repository_was_removed(run->from, name))
	{
		item->result.state = COPY_LEFT_OUT;
		log_info("%s; it was removed meanwhile, as by \"nex_backup expire\"", error);
	}
	else
	{
		item->result.state = COPY_DAMAGED;
		report_error(EXIT_INTEGRITY, NULL, "\"nex_backup verify\" tells what else is damaged.",
					 "%s", error);
	}
	free(error);
	return item->manifest != NULL;
}

/* What is not there of it.  False (reported) if that cannot be found out. */
static bool
look_at_target(CopyRun *run, Item *item)
{
	const Manifest *manifest = item->manifest;
	bool known;
	size_t i;

	item->present = copy_target_has(run->target, item->result.name, item->json.length,
									item->listing.length, &known);
	item->missing = xcalloc((size_t) manifest->nobjects + 1, sizeof(uint32_t));
	if (!known || !copy_target_missing(run->target, manifest, item->missing, &item->nmissing))
		return false;
	for (i = 0; i < item->nmissing; i++)
		item->result.bytes += manifest->objects[item->missing[i]].bytes;
	item->result.objects = item->nmissing;
	return true;
}

/* ---- sending ---- */

/* How many of the missing objects, from this one on, are brought together. */
static size_t
batch_from(const Item *item, size_t first)
{
	uint64_t bytes = 0;
	size_t n;

	for (n = 0; n < BATCH_OBJECTS && first + n < item->nmissing; n++)
	{
		bytes += item->manifest->objects[item->missing[first + n]].bytes;
		if (n > 0 && bytes > BATCH_BYTES)
			break;
	}
	return n;
}

/* Note what has become of a batch. */
static void
note_batch(CopyRun *run, Item *item, size_t first, size_t count, const TransferResult *result)
{
	const Manifest *manifest = item->manifest;
	size_t i;

	item->ndamaged += result->ndamaged;
	item->unreadable |= result->unreadable;
	item->result.objects += result->objects;
	item->result.bytes += result->bytes;
	for (i = 0; i < count; i++)
	{
		uint32_t object = item->missing[first + i];

		if (result->damaged[i])
			object_set_add(&run->damaged, manifest->objects[object].id, manifest->codec);
		else if (result->brought[i])
			copy_target_brought(run->target, manifest, object);
	}
}

/* Leave out what is known to be damaged: it was reported with the first backup that needs it. */
static void
drop_damaged(CopyRun *run, Item *item)
{
	const Manifest *manifest = item->manifest;
	size_t kept = 0;
	size_t i;

	if (strcmp(run->damaged_of, manifest->server.label) != 0)
	{
		object_set_free(&run->damaged);
		object_set_init(&run->damaged);
		memcpy(run->damaged_of, manifest->server.label, sizeof(run->damaged_of));
	}
	for (i = 0; i < item->nmissing; i++)
	{
		const char *id = manifest->objects[item->missing[i]].id;

		if (object_set_find(&run->damaged, id, manifest->codec) == NULL)
			item->missing[kept++] = item->missing[i];
		else
			item->ndamaged++;
	}
	item->nmissing = kept;
}

/* Bring the objects that are missing.  False: reported, and the run has ended. */
static bool
send_objects(CopyRun *run, Item *item)
{
	const Manifest *manifest = item->manifest;
	size_t first = 0;

	drop_damaged(run, item);
	progress_phase("copying", "objects", item->nmissing, item->result.bytes);
	item->result.objects = item->result.bytes = 0;
	while (first < item->nmissing && !item->unreadable)
	{
		size_t count = batch_from(item, first);
		const TransferRequest request = {.from = run->from,
										 .to = run->to,
										 .manifest = manifest,
										 .positions = item->missing + first,
										 .count = count,
										 .hint = DAMAGED_HINT,
										 .threads = run->request->threads,
										 .bad = copy_target_bad(run->target, manifest)};
		TransferResult result;
		bool good = objects_transfer(&request, &result);

		/* What was written before a failure may not last, so it is only counted. */
		if (good)
			note_batch(run, item, first, count, &result);
		else
		{
			item->result.objects += result.objects;
			item->result.bytes += result.bytes;
		}
		item->full = result.full;
		transfer_result_free(&result);
		first += count;
		if (item->full)
			return !stop_requested();
		if (!good || !repository_lock_held(run->to, run->lock))
			return false;
		if (first < item->nmissing)
			copy_target_note(run->target);
	}
	return true;
}

/* A dry run: what several backups need is sent once. */
static void
pretend_to_send(CopyRun *run, const Item *item)
{
	size_t i;

	for (i = 0; i < item->nmissing; i++)
		copy_target_brought(run->target, item->manifest, item->missing[i]);
}

/* ---- publishing ---- */

/* Is what is there the same? */
static bool
is_same_file(Storage *storage, const char *path, const Buffer *content)
{
	Buffer there;
	bool same;

	buffer_init(&there);
	same = storage_read(storage, path, MAX_MANIFEST_BYTES, &there).code == STORE_OK &&
		   there.length == content->length &&
		   memcmp(there.data, content->data, content->length) == 0;
	buffer_free(&there);
	return same;
}

/*
 * Write one of a backup's own files.  A list of digests that is not the right
 * one is replaced: it is a function of the manifest.  A manifest never is.
 */
static bool
write_file(const CopyRun *run, const Item *item, const char *suffix, const Buffer *content,
		   bool replace)
{
	const PutOptions create = {.mode = PUT_CREATE, .locked_until = run->to->removal_lock.until};
	Storage *storage = run->to->storage;
	char *path = backup_path(item->result.name, suffix);
	StoreResult result = storage->put(storage, path, content->data, content->length, &create);
	bool differs = result.code == STORE_EXISTS && !is_same_file(storage, path, content);
	bool good = result.code == STORE_OK || (result.code == STORE_EXISTS && !differs);

	if (differs && replace)
	{
		result = storage_write(storage, path, content->data, content->length);
		good = result.code == STORE_OK;
	}
	if (differs && !replace)
		report_error(
			EXIT_INTEGRITY, NULL,
			"Verify both places; \"nex_backup repair\" replaces the one that is damaged. If "
			"none is, these are two backups that were made in the same second, and this one "
			"cannot be copied to where the other one is: make another backup.",
			"file \"%s/%s\" is not the same as in \"%s\"", storage->location, path,
			run->from->storage->location);
	else if (!good)
		report_error(EXIT_FAILED, NULL, result.hint, "could not write file \"%s/%s\": %s",
					 storage->location, path, result.text);
	free(path);
	return good;
}

/*
 * After this the backup is there.  The locks are asked for here, as they may be lost without
 * anything having been sent: whoever removed objects then did so after they were listed.
 */
static bool
publish(CopyRun *run, const Item *item)
{
	run->ended = !repository_lock_held(run->to, run->lock);
	return !run->ended &&
		   copy_locks_extend(&run->locks, item->manifest, item->missing, item->nmissing) &&
		   write_file(run, item, ".sha256", &item->listing, true) &&
		   write_file(run, item, ".json", &item->json, false) &&
		   repository_note_published(run->to, &item->result.name->owner);
}

/* ---- one backup ---- */

/* The bad objects have been reported, each once, however many backups need it; so are these, at the
 * end. */
static void
note_not_copied(CopyRun *run, const Item *item)
{
	if (run->nleft++ == 0)
		run->left_first = item->result.name;
	run->left_last = item->result.name;
}

static void
report_not_copied(const CopyRun *run)
{
	char *first;
	char *last;

	if (run->nleft == 0)
		return;
	first = backup_label(run->left_first);
	last = backup_label(run->left_last);
	if (run->nleft == 1)
		report_error(EXIT_INTEGRITY, NULL, NULL,
					 "backup \"%s\" was not copied: objects of it are damaged or missing", first);
	else
		report_error(
			EXIT_INTEGRITY, NULL, NULL,
			"%d backups were not copied, from \"%s\" to \"%s\": objects of them are damaged "
			"or missing",
			run->nleft, first, last);
	free(first);
	free(last);
}

static CopyState
copy_item(CopyRun *run, Item *item)
{
	if (!read_files(run, item))
		return item->result.state;
	if (!look_at_target(run, item))
	{
		run->ended = true;
		return COPY_FAILED;
	}
	if (item->present && item->nmissing == 0)
	{
		copy_target_published(run->target, item->manifest);
		return COPY_PRESENT;
	}
	if (run->request->dry_run)
	{
		pretend_to_send(run, item);
		return COPY_PENDING;
	}
	run->ended = !send_objects(run, item);
	if (run->ended || item->unreadable || item->full)
		return COPY_FAILED;
	if (item->ndamaged > 0)
	{
		note_not_copied(run, item);
		return COPY_DAMAGED;
	}
	if (item->present)
		return COPY_COMPLETED;
	if (!publish(run, item))
		return COPY_FAILED;
	copy_target_published(run->target, item->manifest);
	return COPY_DONE;
}

static void
copy_backup(CopyRun *run, const BackupName *name)
{
	Item item = {.result = {.name = name}};

	buffer_init(&item.json);
	buffer_init(&item.listing);
	item.result.state = copy_item(run, &item);
	if (item.result.state == COPY_DAMAGED || item.result.state == COPY_FAILED)
		run->nfailed++;
	if (item.result.state != COPY_LEFT_OUT && !interrupted())
		run->request->copied(&item.result, run->request->argument);
	manifest_free(item.manifest);
	buffer_free(&item.json);
	buffer_free(&item.listing);
	free(item.missing);
}

/* ---- server.json ---- */

static bool
copy_server_file(const char *server, void *argument)
{
	const CopyRun *run = argument;

	return server_file_copy(run->from, run->to, server);
}

/* Copy all of them, as long as that is of use. */
static void
copy_all(CopyRun *run, const BackupName *names, int count)
{
	char *label = NULL;
	int i;

	run->ended = !run->request->dry_run && !unclear_may_add(run->to, names, count);
	if (!run->request->dry_run && !run->ended && !servers_each(names, count, copy_server_file, run))
		run->nfailed++;
	for (i = 0; i < count && !run->ended && !stop_requested(); i++)
	{
		char *before = label;

		label = backup_label(&names[i]);
		progress_item((unsigned) i + 1, (unsigned) count, label);
		free(before);
		copy_backup(run, &names[i]);
	}
	progress_item(0, 0, NULL);
	free(label);
	report_not_copied(run);
	for (; i < count && !interrupted(); i++)
	{
		const CopiedBackup untried = {.name = &names[i], .state = COPY_UNTRIED};

		run->request->copied(&untried, run->request->argument);
	}
}

bool
copy_run(const CopyRequest *request, const BackupName *names, int count)
{
	CopyRun run = {.request = request, .from = request->from, .to = request->to};
	bool good = true;

	object_set_init(&run.damaged);
	if (request->to != NULL && !request->dry_run)
	{
		good = repository_lock_shared(request->to) && repository_lock_copy(request->to, &run.lock);
		if (good)
			unclear_warn(request->to);
		good = good && copy_locks_begin(&run.locks, request->to);
	}
	if (good)
	{
		run.target = copy_target_create(request->to);
		copy_all(&run, names, count);
		good = run.nfailed == 0 && !run.ended && !stop_requested();
		if (good && !request->dry_run)
			copy_target_complete(run.target);
	}
	if (run.lock != NULL)
		repository_unlock(request->to, run.lock);
	copy_target_free(run.target);
	copy_locks_free(&run.locks);
	object_set_free(&run.damaged);
	return good;
}
