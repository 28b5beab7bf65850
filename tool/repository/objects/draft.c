/*-------------------------------------------------------------------------
 *
 * draft.c
 *	  A backup that is being made.
 *
 * Members enter the manifest only when all are there.  So whoever makes one
 * need not wait for those that stand before it, and the order in a manifest
 * does not depend on which thread was faster.
 *
 *-------------------------------------------------------------------------
 */
#include "draft.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "at_once.h"
#include "backup_settings.h"
#include "backup_warning.h"
#include "backups.h"
#include "encryption.h"
#include "interrupt.h"
#include "log.h"
#include "manifest_envelope.h"
#include "memory.h"
#include "previous_manifest.h"
#include "progress.h"
#include "removal_lock.h"
#include "storage_use.h"
#include "unclear.h"
#include "utc_time.h"
#include "version.h"
#include "writer_state.h"

/* A text that was stored. */
typedef struct StoredText
{
	ManifestObject object;
	Member member;
} StoredText;

struct BackupDraft
{
	Repository *repository;
	Owner owner;
	StoreLock *lock; /* of the owner's backups; NULL: none */
	Manifest *manifest;
	Manifest *previous;
	ObjectStore *store;
	Pipeline *pipeline;

	pthread_mutex_t mutex; /* for what follows */
	StoredText *texts;
	size_t ntexts;
};

BackupDraft *
draft_create(Repository *repository, BackupKind kind, const char *name,
			 const BackupSettings *settings)
{
	BackupDraft *draft;
	Manifest *manifest;

	if (!encryption_can_write(repository))
		return NULL;
	draft = xcalloc(1, sizeof(BackupDraft));
	draft->repository = repository;
	pthread_mutex_init(&draft->mutex, NULL);
	manifest = draft->manifest = manifest_create();
	manifest->kind = kind;
	manifest->database.name = name != NULL ? xstrdup(name) : NULL;
	manifest->started = utc_now();
	manifest->type = xstrdup(settings->type);
	manifest->tool = xstrdup(NEX_BACKUP_VERSION);
	manifest->codec = settings->codec;
	manifest->level = settings->compress_level;
	manifest->repository = xstrdup(repository->id);
	if (kind == BACKUP_OF_DATABASE || kind == BACKUP_OF_GLOBALS)
		memcpy(manifest->server.label, repository->server, sizeof(manifest->server.label));
	manifest_describe(repository, manifest);
	return draft;
}

Manifest *
draft_manifest(BackupDraft *draft)
{
	return draft->manifest;
}

/* The backup that objects are used of again; NULL: none. */
static const BackupName *
previous_name(const BackupDraft *draft, BackupName *name)
{
	if (draft->previous == NULL)
		return NULL;
	memset(name, 0, sizeof(*name));
	name->owner = draft->owner;
	memcpy(name->id, draft->previous->id, sizeof(name->id));
	return name;
}

/* Both locks of a backup; *good of each. */
typedef struct Locking
{
	BackupDraft *draft;
	bool good[2];
} Locking;

static void
take_lock(size_t item, void *argument)
{
	Locking *locking = argument;
	BackupDraft *draft = locking->draft;

	if (item == 0)
		locking->good[0] = repository_lock_shared(draft->repository);
	else
		locking->good[1] = repository_lock_backup(draft->repository, &draft->owner, &draft->lock);
}

/* At the same time where an answer takes its time: neither of them waits for the other. */
static bool
take_locks(BackupDraft *draft)
{
	Locking locking = {.draft = draft};

	if (storage_requests(draft->repository->storage) == 1)
		return repository_lock_shared(draft->repository) &&
			   repository_lock_backup(draft->repository, &draft->owner, &draft->lock);
	at_once(2, 2, take_lock, &locking);
	return locking.good[0] && locking.good[1];
}

/*
 * Look what is there, once: nobody removes anything while the repository is locked, and what
 * others add belongs to other owners.
 */
static bool
look_around(BackupDraft *draft, DraftCheck check, void *argument)
{
	const BackupName name = {.owner = draft->owner};
	Repository *repository = draft->repository;
	bool good;

	repository_look_begin(repository, true);
	good = repository_new_id(repository, &draft->owner, draft->manifest->id);
	if (good)
		unclear_warn(repository);
	good = good && unclear_may_add(repository, &name, 1);

	/* Files are encrypted one by one, which gives other bytes each time. */
	if (good && draft->owner.kind != BACKUP_OF_FILES)
		draft->previous = manifest_to_build_on(repository, &draft->owner);
	good = good && (check == NULL || check(draft, argument));
	repository_look_end(repository);
	return good;
}

/* The first backup of anything large: nothing of it is there. */
static void
expect_much(const BackupDraft *draft)
{
	Storage *storage = draft->repository->storage;
	BackupKind kind = draft->owner.kind;

	if (storage->expect_much != NULL && draft->previous == NULL &&
		(kind == BACKUP_OF_DATABASE || kind == BACKUP_OF_CLUSTER))
		storage->expect_much(storage);
}

bool
draft_begin(BackupDraft *draft, DraftCheck check, void *argument)
{
	Repository *repository = draft->repository;
	BackupName previous;

	draft->owner = manifest_owner(draft->manifest);
	if (!writer_state_is_meant(repository) || !take_locks(draft) ||
		!look_around(draft, check, argument) ||
		!removal_lock_begin(repository, previous_name(draft, &previous)))
		return false;
	expect_much(draft);
	draft->store = object_store_create(repository, draft->owner.server, draft->manifest->codec,
									   draft->previous);
	return true;
}

const Owner *
draft_owner(const BackupDraft *draft)
{
	return &draft->owner;
}

const Manifest *
draft_previous(const BackupDraft *draft)
{
	return draft->previous;
}

/* Note what was stored, behind what was noted before. */
static void
note_text(BackupDraft *draft, const StoredText *text)
{
	pthread_mutex_lock(&draft->mutex);
	if ((draft->ntexts & (draft->ntexts - 1)) == 0)
		draft->texts = xrealloc(draft->texts,
								(draft->ntexts == 0 ? 1 : draft->ntexts * 2) * sizeof(StoredText));
	draft->texts[draft->ntexts++] = *text;
	pthread_mutex_unlock(&draft->mutex);
}

bool
draft_put(BackupDraft *draft, MemberKind kind, const char *text, size_t length)
{
	DigestHex id;

	return draft_put_known(draft, kind, text, length, id);
}

bool
draft_put_known(BackupDraft *draft, MemberKind kind, const char *text, size_t length, DigestHex id)
{
	StoredText stored = {.member = {.kind = kind, .table = -1, .raw = length}};
	Compressor *compressor;
	Buffer frame;
	bool good;

	if (length == 0)
		return true;
	compressor = compressor_create(draft->manifest->codec, draft->manifest->level);
	buffer_init(&frame);
	good = compressor != NULL && compressor_frame(compressor, text, length, &frame);
	compressor_free(compressor);
	if (!good)
		report_error(EXIT_FAILED, NULL, NULL, "could not compress %zu bytes", length);
	stored.member.length = frame.length;
	good = good && object_store_put(draft->store, frame.data, frame.length, &stored.object);
	buffer_free(&frame);
	if (!good)
		return false;
	memcpy(id, stored.object.id, sizeof(DigestHex));
	atomic_fetch_add(&progress.stored_bytes, stored.object.bytes);
	note_text(draft, &stored);
	return true;
}

Pipeline *
draft_stream(BackupDraft *draft, int threads, int pieces)
{
	draft->pipeline = pipeline_start(draft->store, draft->manifest->codec, draft->manifest->level,
									 threads, pieces);
	return draft->pipeline;
}

/* Enter all members into the manifest, in the order in which a restore reads them. */
static void
enter_members(BackupDraft *draft)
{
	MemberKind kind;
	size_t i;

	for (kind = 0; kind < MEMBER_KINDS; kind++)
	{
		for (i = 0; i < draft->ntexts; i++)
		{
			StoredText *text = &draft->texts[i];

			if (text->member.kind != kind)
				continue;
			text->member.object = manifest_add_object(draft->manifest, &text->object);
			manifest_add_member(draft->manifest, &text->member);
		}
		if (draft->pipeline != NULL)
			pipeline_add_to_manifest(draft->pipeline, kind, draft->manifest);
	}
}

Manifest *
draft_publish(BackupDraft *draft, int threads)
{
	Manifest *manifest = draft->manifest;

	progress_phase("publishing", "", 0, 0);
	backup_warning_end(manifest);
	enter_members(draft);
	manifest_sum_up(manifest);
	if (stop_requested() || !object_store_barrier(draft->store, threads))
		return NULL;
	manifest->totals.new_objects = object_store_new_objects(draft->store);
	manifest->totals.new_bytes = object_store_new_bytes(draft->store);
	manifest->finished = utc_now();
	if (stop_requested() || !repository_lock_held(draft->repository, draft->lock) ||
		!repository_publish(draft->repository, manifest))
		return NULL;
	draft->manifest = NULL;
	return manifest;
}

/*
 * A first backup that was not published leaves no empty directory: that means a
 * disk is missing (unclear.h).  A storage takes it along with a file of it; this
 * one is never there.  It is not the manifest's name, which may have become that
 * of a backup from another place.
 */
static void
remove_empty_directory(const BackupDraft *draft)
{
	char *directory = owner_directory(&draft->owner);
	char *path =
		xasprintf("%s/%s.unpublished", directory != NULL ? directory : ".", draft->manifest->id);

	if (directory != NULL)
		(void) storage_remove(draft->repository->storage, path, false);
	free(path);
	free(directory);
}

void
draft_end(BackupDraft *draft)
{
	if (draft == NULL)
		return;
	if (draft->manifest != NULL && draft->lock != NULL)
		remove_empty_directory(draft);
	pipeline_free(draft->pipeline);
	object_store_free(draft->store);
	manifest_free(draft->previous);
	manifest_free(draft->manifest);
	repository_unlock(draft->repository, draft->lock);
	pthread_mutex_destroy(&draft->mutex);
	free(draft->texts);
	free(draft);
}
