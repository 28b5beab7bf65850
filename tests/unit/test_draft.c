/*-------------------------------------------------------------------------
 *
 * test_draft.c
 *	  A backup in the making: members come in any order, and until it is
 *	  published there is a lock and no backup.
 *
 *-------------------------------------------------------------------------
 */
#include "scratch.h"

#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backup_settings.h"
#include "backups.h"
#include "draft.h"
#include "interrupt.h"
#include "memory.h"
#include "resolve.h"
#include "sample_backup.h"

#define TEXTS 20
#define THREADS 4

static const BackupSettings plain = {.type = "manual", .codec = CODEC_ZSTD, .compress_level = 1};

static BackupDraft *
begin_draft(Repository *repository)
{
	BackupDraft *draft = draft_create(repository, BACKUP_OF_DATABASE, NULL, &plain);
	ManifestDatabase *database;
	Manifest *manifest;

	assert_non_null(draft);
	manifest = draft_manifest(draft);
	database = &manifest->database;
	manifest->pg_dump = xstrdup("15.18");
	manifest->snapshot_at = xstrdup("2026-11-23T02:00:00.000Z");
	manifest->server.version = xstrdup("15.18");
	database->name = xstrdup("db");
	database->owner = xstrdup("postgres");
	database->encoding = xstrdup("UTF8");
	database->provider = xstrdup("c");
	database->tablespace = xstrdup("pg_default");
	assert_true(draft_begin(draft, NULL, NULL));
	return draft;
}

/* Nobody else's begins meanwhile. */
static void
begin_another(void)
{
	Repository *repository = repository_open(scratch_path("repo"));
	Owner owner = owner_of(NULL, "db");
	StoreLock *lock;

	if (repository_lock_backup(repository, &owner, &lock))
		_exit(0);
}

static bool
put(BackupDraft *draft, MemberKind kind, const char *text)
{
	return draft_put(draft, kind, text, strlen(text));
}

static void
test_order(void **state)
{
	Repository *repository = sample_repository();
	BackupDraft *draft = begin_draft(repository);
	BackupName name = sample_name("db", "");
	Pipeline *stream;
	Manifest *manifest;
	Manifest *read;
	Piece *piece;
	uint32_t i;

	(void) state;
	assert_true(put(draft, MEMBER_TAIL, "-- tail\n"));
	assert_true(put(draft, MEMBER_SEQUENCES, ""));
	stream = draft_stream(draft, 2, 3);
	assert_non_null(stream);
	piece = pipeline_take(stream, 0, 0);
	piece_begin_segment(piece, MEMBER_LARGE_OBJECTS, -1);
	buffer_append_string(&piece->raw, "SELECT 1;\n");
	piece_end_segment(piece);
	pipeline_submit(stream, piece);
	assert_true(put(draft, MEMBER_POST_DATA, "-- post\n"));
	assert_true(put(draft, MEMBER_HEAD, "-- head\n"));
	assert_true(pipeline_finish(stream));
	assert_int_equal(exit_code_of(begin_another), EXIT_LOCKED);

	manifest = draft_publish(draft, 2);
	assert_non_null(manifest);
	draft_end(draft);
	assert_int_equal(exit_code_of(begin_another), 0);
	memcpy(name.id, manifest->id, sizeof(name.id));
	read = repository_manifest(repository, &name);
	assert_non_null(read);
	assert_int_equal(read->nmembers, 4);
	for (i = 0; i < 4; i++)
	{
		static const MemberKind expected[] = {MEMBER_HEAD, MEMBER_LARGE_OBJECTS, MEMBER_POST_DATA,
											  MEMBER_TAIL};

		assert_int_equal(read->members[i].kind, expected[i]);
	}
	assert_int_equal(read->totals.new_objects, 4);
	manifest_free(read);
	manifest_free(manifest);
	repository_close(repository);
}

static void *
put_texts(void *draft)
{
	char text[32];
	int i;

	for (i = 0; i < TEXTS; i++)
	{
		snprintf(text, sizeof(text), "-- %lx %d\n", (unsigned long) pthread_self(), i);
		if (!put(draft, MEMBER_PRE_DATA, text))
			return NULL;
	}
	return draft;
}

static void
test_threads(void **state)
{
	Repository *repository = sample_repository();
	BackupDraft *draft = begin_draft(repository);
	pthread_t threads[THREADS];
	Manifest *manifest;
	void *result;
	int i;

	(void) state;
	for (i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, put_texts, draft), 0);
	for (i = 0; i < THREADS; i++)
	{
		assert_int_equal(pthread_join(threads[i], &result), 0);
		assert_ptr_equal(result, draft);
	}
	manifest = draft_publish(draft, 1);
	assert_non_null(manifest);
	assert_int_equal(manifest->nmembers, THREADS * TEXTS);
	assert_int_equal(manifest->nobjects, THREADS * TEXTS);
	draft_end(draft);
	manifest_free(manifest);
	repository_close(repository);
}

static void
test_abandoned(void **state)
{
	Repository *repository = sample_repository();
	BackupDraft *draft = begin_draft(repository);
	BackupName name;
	Owner owner = owner_of(NULL, "db");

	(void) state;
	assert_null(draft_previous(draft));
	assert_true(put(draft, MEMBER_HEAD, "-- head\n"));

	/* As a publication that fails at its first file leaves it: an empty one means that a disk is
	 * missing. */
	assert_int_equal(storage_write(repository->storage, "backups/db/x.tmp", "x", 1).code, STORE_OK);
	assert_int_equal(unlink(scratch_path("repo/backups/db/x.tmp")), 0);
	draft_end(draft);
	assert_int_equal(access(scratch_path("repo/backups/db"), F_OK), -1);
	draft_end(NULL);
	assert_int_equal(exit_code_of(begin_another), 0);
	assert_false(repository_latest(repository, &owner, &name));
	repository_close(repository);
}

/* One that was empty before may be where a disk is to be mounted. */
static void
test_mount_point(void **state)
{
	Repository *repository = sample_repository();
	BackupDraft *draft = begin_draft(repository);

	(void) state;
	(void) mkdir(scratch_path("repo/backups"), 0700);
	assert_int_equal(mkdir(scratch_path("repo/backups/db"), 0700), 0);
	draft_end(draft);
	assert_int_equal(access(scratch_path("repo/backups/db"), F_OK), 0);
	repository_close(repository);
}

/* A backup of the same second may come from another place, and is published already. */
static void
test_taken_name(void **state)
{
	Repository *repository = sample_repository();
	BackupDraft *draft = begin_draft(repository);
	char *path = xasprintf("backups/db/%s.json", draft_manifest(draft)->id);

	(void) state;
	assert_int_equal(storage_write(repository->storage, path, "{}", 2).code, STORE_OK);
	assert_true(put(draft, MEMBER_HEAD, "-- head\n"));
	assert_null(draft_publish(draft, 1));
	draft_end(draft);
	assert_int_equal(storage_look(repository->storage, path).code, STORE_OK);
	free(path);
	repository_close(repository);
}

/* What an earlier backup has stored is not stored again. */
static void
test_built_on(void **state)
{
	Repository *repository = sample_repository();
	BackupDraft *draft = begin_draft(repository);
	Manifest *first;
	Manifest *second;

	(void) state;
	assert_true(put(draft, MEMBER_HEAD, "-- head\n"));
	first = draft_publish(draft, 1);
	assert_non_null(first);
	draft_end(draft);
	draft = begin_draft(repository);
	assert_non_null(draft_previous(draft));
	assert_string_equal(draft_previous(draft)->id, first->id);
	assert_string_not_equal(draft_manifest(draft)->id, first->id);
	assert_true(put(draft, MEMBER_HEAD, "-- head\n"));
	second = draft_publish(draft, 1);
	assert_non_null(second);
	assert_int_equal(second->totals.new_objects, 0);
	assert_string_equal(second->objects[0].id, first->objects[0].id);
	draft_end(draft);
	manifest_free(first);
	manifest_free(second);
	repository_close(repository);
}

/* Whoever stops gets no backup, even with everything stored. */
static void
publish_stopped(void)
{
	Repository *repository = repository_open(scratch_path("repo"));
	BackupDraft *draft = begin_draft(repository);

	if (!put(draft, MEMBER_HEAD, "-- head\n"))
		_exit(98);
	stop_request();
	if (draft_publish(draft, 1) != NULL)
		_exit(99);
	draft_end(draft);
	_exit(0);
}

static void
test_stopped(void **state)
{
	Repository *repository = sample_repository();
	Owner owner = owner_of(NULL, "db");
	BackupName name;

	(void) state;
	assert_int_equal(exit_code_of(publish_stopped), 0);
	assert_false(repository_latest(repository, &owner, &name));
	repository_close(repository);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, scratch_create, scratch_destroy)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_order),      TEST(test_threads),  TEST(test_abandoned), TEST(test_mount_point),
		TEST(test_taken_name), TEST(test_built_on), TEST(test_stopped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
