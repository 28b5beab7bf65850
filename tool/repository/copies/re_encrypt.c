/*-------------------------------------------------------------------------
 *
 * re_encrypt.c
 *	  Copy backups to a repository that has other keys.
 *
 * The id stays, so that a backup has one name in both.  What is there under that
 * name and was not copied from here is another backup, and is left alone.  Before an object
 * is stored, its members are unpacked and counted: the digest of what is read says only that
 * it is what was stored, and nobody could compare the two repositories later without both keys.
 *
 *-------------------------------------------------------------------------
 */
#include "re_encrypt.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "backup_summary.h"
#include "backups.h"
#include "copy_target.h"
#include "encryption.h"
#include "interrupt.h"
#include "keyring.h"
#include "log.h"
#include "manifest_envelope.h"
#include "memory.h"
#include "object_ahead.h"
#include "object_read.h"
#include "object_store.h"
#include "previous_manifest.h"
#include "progress.h"
#include "removal_lock.h"
#include "row_check.h"
#include "unclear.h"

#define MAX_THREADS 64

typedef struct Run
{
	const CopyRequest *request;
	Repository *from; /* both of the request */
	Repository *to;
	CopyTarget *target;
	bool said[BACKUP_OF_CLUSTER + 1]; /* of which kinds it is said that they are not copied */
	int nfailed;
} Run;

/* A backup that is being copied. */
typedef struct Item
{
	Run *run;
	CopiedBackup result;
	Manifest *manifest; /* as it is read; it becomes the one that is written */
	ManifestObject *objects;
	uint32_t *first_member;
	ObjectStore *store;
	ObjectAhead *ahead;
	pthread_mutex_t mutex; /* for the next object */
	uint32_t next;
	_Atomic bool damaged;
	_Atomic bool failed; /* reported */
} Item;

/* ---- opening ---- */

Repository *
re_encrypt_open(const Repository *from, const char *location, bool allow_plain)
{
	Repository *to;

	keyring_open_target();
	to = repository_open(location);
	if (to == NULL)
		return NULL;
	if (strcmp(to->id, from->id) == 0)
		report_error(EXIT_FAILED, NULL, "Leave out --re-encrypt: it is copied byte for byte.",
					 "\"%s\" is a place of the same repository as \"%s\"", to->storage->location,
					 from->storage->location);
	else if (from->encryption != NULL && to->encryption == NULL && !allow_plain)
		report_error(EXIT_FAILED, NULL,
					 "Make an encrypted one with \"nex_backup init\", or add --allow-plain.",
					 "repository \"%s\" is encrypted, and \"%s\" is not", from->storage->location,
					 to->storage->location);
	else if (encryption_can_write(to))
		return to;
	repository_close(to);
	return NULL;
}

/* ---- one object ---- */

/* What is wrong with a member, to be freed; NULL: nothing. */
static char *
member_problem(const Manifest *manifest, const Member *member, const char *stored,
			   Decompressor *decompressor, Buffer *raw)
{
	const char *message;
	RowCheck check;

	buffer_reset(raw);
	buffer_reserve(raw, member->raw);
	message = decompressor_frame(decompressor, stored + member->offset, member->length, raw->data,
								 member->raw);
	if (message != NULL)
		return xasprintf("cannot be decompressed: %s", message);
	row_check_begin(&check, manifest, member);
	row_check_add(&check, raw->data, member->raw);
	return row_check_end(&check);
}

static char *
content_problem(const Item *item, uint32_t object, const char *bytes, Decompressor *decompressor,
				Buffer *raw)
{
	const Manifest *manifest = item->manifest;
	char *problem = NULL;
	uint32_t i;

	for (i = item->first_member[object];
		 problem == NULL && i < manifest->nmembers && manifest->members[i].object == object; i++)
		problem = member_problem(manifest, &manifest->members[i], bytes, decompressor, raw);
	return problem;
}

/* How long it is when it is open. */
static uint64_t
open_length(const Manifest *manifest, uint32_t object)
{
	return manifest->cipher != CIPHER_NONE ? manifest->objects[object].plain
										   : manifest->objects[object].bytes;
}

static void
note_problem(Item *item, uint32_t object, const char *problem, const StoreResult *result)
{
	char *path = manifest_object_path(item->manifest, object);
	bool unreadable = store_inaccessible(result);

	if (unreadable)
		repository_unreadable(item->run->from, path, result);
	else
		repository_damaged(item->run->from, path, problem,
						   "\"nex_backup verify\" names all bad files.");
	*(unreadable ? &item->failed : &item->damaged) = true;
	free(path);
}

/* Open an object and store it again. */
static void
bring_object(Item *item, uint32_t object, Decompressor *decompressor, Buffer *plain, Buffer *raw)
{
	StoreResult result;
	char *problem = NULL;
	const char *bytes;

	if (item->ahead != NULL)
		bytes = object_ahead_take(item->ahead, object, &problem, &result);
	else
	{
		problem = object_read(item->run->from, item->manifest, object, plain, &result);
		bytes = plain->data != NULL ? plain->data : "";
	}
	if (problem == NULL)
		problem = content_problem(item, object, bytes, decompressor, raw);
	if (problem != NULL)
		note_problem(item, object, problem, &result);
	else if (!object_store_put(item->store, bytes, open_length(item->manifest, object),
							   &item->objects[object]))
		item->failed = true;
	if (item->ahead != NULL)
		object_ahead_give_back(item->ahead, object, UINT32_MAX);
	free(problem);
	atomic_fetch_add(&progress.units_done, 1);
	atomic_fetch_add(&progress.weight_done, item->manifest->objects[object].bytes);
}

/* The next one; false: no more. */
static bool
claim(Item *item, uint32_t *object)
{
	bool more;

	pthread_mutex_lock(&item->mutex);
	more = !item->failed && item->next < item->manifest->nobjects;
	if (more)
		*object = item->next++;
	pthread_mutex_unlock(&item->mutex);
	return more && !stop_requested();
}

static void *
worker_main(void *argument)
{
	Item *item = argument;
	Decompressor *decompressor = decompressor_create(item->manifest->codec);
	uint32_t object;
	Buffer plain;
	Buffer raw;

	buffer_init(&plain);
	buffer_init(&raw);
	if (decompressor == NULL)
		item->failed = !report_error(EXIT_FAILED, NULL, NULL, "could not set up decompression");
	while (decompressor != NULL && claim(item, &object))
		bring_object(item, object, decompressor, &plain, &raw);
	if (decompressor != NULL)
		decompressor_free(decompressor);
	if (raw.data != NULL)
		explicit_bzero(raw.data, raw.capacity);
	buffer_free(&plain);
	buffer_free(&raw);
	return NULL;
}

/* ---- one backup ---- */

/* False (reported) if not all of them are there. */
static bool
bring_objects(Item *item)
{
	pthread_t threads[MAX_THREADS];
	int wanted =
		item->run->request->threads < MAX_THREADS ? item->run->request->threads : MAX_THREADS;
	const Manifest *manifest = item->manifest;
	const Member **members = xcalloc((size_t) manifest->nmembers + 1, sizeof(Member *));
	int started = 0;
	uint32_t i;
	int t;

	for (i = manifest->nmembers; i-- > 0;)
	{
		members[i] = &manifest->members[i];
		item->first_member[manifest->members[i].object] = i;
	}
	progress_phase("copying", "objects", manifest->nobjects, manifest->totals.stored_bytes);
	item->ahead = object_ahead_create(item->run->from, manifest, members, manifest->nmembers);
	while (started < wanted && pthread_create(&threads[started], NULL, worker_main, item) == 0)
		started++;
	if (started == 0)
		worker_main(item);
	for (t = 0; t < started; t++)
		pthread_join(threads[t], NULL);
	object_ahead_free(item->ahead);
	free(members);
	return !item->failed && !item->damaged && !stop_requested() &&
		   object_store_barrier(item->store, item->run->request->threads);
}

/* Make the manifest that of the other repository. */
static void
adopt(Item *item)
{
	Manifest *manifest = item->manifest;

	free(manifest->copied_from);
	manifest->copied_from = manifest->repository;
	manifest->repository = xstrdup(item->run->to->id);
	memcpy(manifest->objects, item->objects, manifest->nobjects * sizeof(ManifestObject));
	manifest_describe(item->run->to, manifest);
	manifest_sum_up(manifest);
	manifest->totals.new_objects = object_store_new_objects(item->store);
	manifest->totals.new_bytes = object_store_new_bytes(item->store);
	item->result.objects = manifest->totals.new_objects;
	item->result.bytes = manifest->totals.new_bytes;
}

/*
 * A copy that was killed may have left its list of digests, which nothing vouches for.  One that is
 * replaced, since not all of it is there any more, goes only now.
 */
static bool
publish(const Item *item, const StoreLock *lock, bool replace)
{
	Run *run = item->run;
	char *path = backup_path(item->result.name, ".sha256");
	bool good = repository_lock_held(run->to, lock) &&
				(!replace || repository_remove_backup(run->to, item->result.name));

	if (good)
		(void) storage_remove(run->to->storage, path, false);
	free(path);
	return good && repository_publish(run->to, item->manifest);
}

/* Is all of a backup there, as far as that is known without reading it?  False: reported. */
static bool
look_at_objects(const Run *run, const Manifest *there, bool *whole)
{
	uint32_t *positions = xcalloc((size_t) there->nobjects + 1, sizeof(uint32_t));
	size_t count = 0;
	bool good = copy_target_missing(run->target, there, positions, &count);

	*whole = count == 0;
	free(positions);
	return good;
}

/*
 * What is there of it?  False (reported) if it is another one, or that cannot be found
 * out.  Encryption gives other bytes each time, so if an object is not good, all of it is copied
 * again.
 */
static bool
look_at_target(Item *item, bool *present, bool *whole)
{
	Run *run = item->run;
	Manifest *there;
	char *error = NULL;
	bool good;

	if (!repository_has_backup(run->to, item->result.name, present) || !*present)
		return !*present;
	there = repository_manifest_try(run->to, item->result.name, &error);
	good = there != NULL && there->copied_from != NULL &&
		   strcmp(there->copied_from, run->from->id) == 0;
	if (there == NULL)
		report_error(run->to->manifest_unreadable ? EXIT_FAILED : EXIT_INTEGRITY, NULL,
					 "Remove it, to have it copied again.", "%s", error);
	else if (!good)
		report_error(EXIT_FAILED, NULL, NULL,
					 "there is another backup of that id in \"%s\", which is not a copy",
					 run->to->storage->location);
	good = good && look_at_objects(run, there, whole);
	manifest_free(there);
	free(error);
	return good;
}

/*
 * Not sets of configuration files, which are encrypted by themselves, for recipients of their own;
 * nor base backups, whose file maps name objects by their digests, which change.  Said once of
 * each.
 */
static bool
can_be_copied(Run *run, const BackupName *name)
{
	BackupKind kind = name->owner.kind;

	if (kind == BACKUP_OF_FILES && !run->said[kind])
		report_error(
			EXIT_FAILED,
			"Each file in them is encrypted for the recipients of its set, whose keys would "
			"still be needed.",
			"Back them up there with \"nex_backup config backup\", for its keys; "
			"--kind=database --kind=globals copies all others.",
			"sets of configuration files are not copied by --re-encrypt");
	else if (kind == BACKUP_OF_CLUSTER && !run->said[kind])
		report_error(EXIT_FAILED, NULL,
					 "Archive WAL to that repository, and make them there; --kind=database "
					 "--kind=globals copies all others.",
					 "base backups cannot be copied by --re-encrypt");
	run->said[kind] = true;
	return kind != BACKUP_OF_FILES && kind != BACKUP_OF_CLUSTER;
}

/* Under the lock of the owner. */
static CopyState
copy_locked(Item *item, const StoreLock *lock, bool replace)
{
	Run *run = item->run;
	Manifest *previous;
	bool published;

	previous = manifest_to_build_on(run->to, &item->result.name->owner);
	item->store = object_store_create(run->to, item->result.name->owner.server,
									  item->manifest->codec, previous);
	published = bring_objects(item);
	if (published)
	{
		adopt(item);
		published = publish(item, lock, replace);
	}
	object_store_free(item->store);
	manifest_free(previous);
	if (published)
		return replace ? COPY_COMPLETED : COPY_DONE;
	return item->damaged && !item->failed ? COPY_DAMAGED : COPY_FAILED;
}

static CopyState
copy_item(Item *item)
{
	Run *run = item->run;
	StoreLock *lock = NULL;
	CopyState state = COPY_FAILED;
	bool present;
	bool whole = false;

	if (!can_be_copied(run, item->result.name))
		return COPY_FAILED;
	item->manifest = repository_manifest_inside(run->from, item->result.name);
	if (item->manifest == NULL)
		return log_exit_code() == EXIT_INTEGRITY ? COPY_DAMAGED : COPY_FAILED;
	if (!look_at_target(item, &present, &whole))
		return COPY_FAILED;
	if (whole)
		return COPY_PRESENT;
	item->result.objects = item->manifest->nobjects;
	item->result.bytes = item->manifest->totals.stored_bytes;
	if (run->request->dry_run)
		return COPY_PENDING;
	item->result.objects = item->result.bytes = 0;
	item->objects = xcalloc((size_t) item->manifest->nobjects + 1, sizeof(ManifestObject));
	item->first_member = xcalloc((size_t) item->manifest->nobjects + 1, sizeof(uint32_t));
	if (repository_lock_backup(run->to, &item->result.name->owner, &lock))
		state = copy_locked(item, lock, present);
	repository_unlock(run->to, lock);
	free(item->first_member);
	free(item->objects);
	return state;
}

static void
copy_backup(Run *run, const BackupName *name)
{
	Item item = {.run = run, .result = {.name = name}};

	pthread_mutex_init(&item.mutex, NULL);
	item.result.state = copy_item(&item);
	if (item.result.state == COPY_DAMAGED || item.result.state == COPY_FAILED)
		run->nfailed++;
	if (!interrupted())
		run->request->copied(&item.result, run->request->argument);
	manifest_free(item.manifest);
	pthread_mutex_destroy(&item.mutex);
}

bool
re_encrypt_run(const CopyRequest *request, const BackupName *names, int count)
{
	Run run = {.request = request, .from = request->from, .to = request->to};
	char *label = NULL;
	int i;

	if (!request->dry_run &&
		(!removal_lock_possible(request->to) || !repository_lock_shared(request->to)))
		return false;
	if (!request->dry_run)
		removal_lock_longest(request->to);
	unclear_warn(request->to);
	if (!request->dry_run && !unclear_may_add(request->to, names, count))
		return false;
	run.target = copy_target_create(request->to);
	for (i = 0; i < count && !stop_requested(); i++)
	{
		char *before = label;

		label = backup_label(&names[i]);
		progress_item((unsigned) i + 1, (unsigned) count, label);
		free(before);
		copy_backup(&run, &names[i]);
	}
	progress_item(0, 0, NULL);
	free(label);
	copy_target_free(run.target);
	return run.nfailed == 0 && !stop_requested();
}
