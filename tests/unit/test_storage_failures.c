/*-------------------------------------------------------------------------
 *
 * test_storage_failures.c
 *	  Every call that the repository makes of its storage fails once, with
 *	  every code, before or after it was done; and then the machine crashes.
 *
 * What was reported as done must be there, what was there before must be
 * whole, and what could not be looked at must not be called damaged.
 *
 *-------------------------------------------------------------------------
 */
#include "failing_calls.h"
#include "sample_backup.h"

#include "backup_list.h"
#include "backups.h"
#include "leftover_removal.h"
#include "put_queue.h"
#include "verify.h"

#define FIRST "20261123T020000Z"
#define SECOND "20261124T020000Z"

/* Make a backup with one object of its own and one that both have; false if that failed. */
static bool
back_up(Repository *repository, const char *id, const Manifest *previous)
{
	const char *texts[] = {"-- in both\n", id};
	BackupName name = sample_name("b", id);
	Manifest *manifest = sample_manifest(repository, &name);
	ObjectStore *store = object_store_create(repository, "", CODEC_NONE, previous);
	bool good = true;
	int i;

	for (i = 0; i < 2 && good; i++)
	{
		Member member = {.kind = i == 0 ? MEMBER_HEAD : MEMBER_PRE_DATA, .table = -1};
		ManifestObject object;

		good = object_store_put(store, texts[i], strlen(texts[i]), &object);
		member.length = member.raw = strlen(texts[i]);
		if (!good)
			break;
		member.object = manifest_add_object(manifest, &object);
		manifest_add_member(manifest, &member);
	}
	manifest_sum_up(manifest);
	good = good && object_store_barrier(store, 1) && repository_publish(repository, manifest);
	object_store_free(store);
	manifest_free(manifest);
	return good;
}

static bool
is_listed(Repository *repository, const char *id)
{
	BackupName name = sample_name("b", id);
	bool exists;

	assert_true(repository_has_backup(repository, &name, &exists));
	return exists;
}

/* A backup that is listed must be whole, by all that verify looks at. */
static void
assert_whole(Repository *repository, const char *id)
{
	BackupName name = sample_name("b", id);
	Manifest *manifest = repository_manifest(repository, &name);
	VerifyReport report;

	assert_non_null(manifest);
	assert_true(verify_objects(repository, manifest, VERIFY_DIGESTS, 1, &report));
	assert_int_equal(report.nbad, 0);
	assert_int_equal(report.objects, 2);
	verify_report_free(&report);
	manifest_free(manifest);
}

/* ---- a backup ---- */

static int
try_backup(bool barrier_needed, int call, StoreCode code, bool afterwards)
{
	Repository *repository = repository_in_memory(barrier_needed);
	BackupName first = sample_name("b", FIRST);
	Manifest *previous;
	bool good;
	int calls;

	assert_true(back_up(repository, FIRST, NULL));
	previous = repository_manifest(repository, &first);
	assert_non_null(previous);
	memory_fail(repository->storage, call, 1, code, afterwards);
	good = back_up(repository, SECOND, previous);
	calls = memory_of(repository->storage)->calls;
	memory_crash(repository->storage);
	assert_true(is_listed(repository, FIRST));
	assert_whole(repository, FIRST);
	assert_int_equal(is_listed(repository, SECOND), good);
	if (good)
		assert_whole(repository, SECOND);
	manifest_free(previous);
	repository_close(repository);
	return calls;
}

static void
test_backup(void **state)
{
	(void) state;
	try_all(try_backup, true, 4);
	try_all(try_backup, false, 4);
}

/* ---- an expiry ---- */

/* Remove the first of two backups, and what only it needed. */
static bool
expire_first(Repository *repository)
{
	BackupName first = sample_name("b", FIRST);
	BackupName second = sample_name("b", SECOND);
	Leftovers leftovers;
	StoreLock *lock = NULL;
	bool damaged = false;
	bool good = repository_remove_backup(repository, &first) &&
				repository_lock_exclusive(repository, &lock).code == STORE_OK;

	if (good && leftovers_find(repository, &second, 1, &leftovers, &damaged))
	{
		good = leftovers_remove(repository, lock, &leftovers);
		leftovers_free(&leftovers);
	}
	else
		good = false;
	repository_unlock(repository, lock);
	return good;
}

static int
try_expire(bool barrier_needed, int call, StoreCode code, bool afterwards)
{
	Repository *repository = repository_in_memory(barrier_needed);
	bool good;
	int calls;

	assert_true(back_up(repository, FIRST, NULL));
	assert_true(back_up(repository, SECOND, NULL));
	memory_fail(repository->storage, call, 1, code, afterwards);
	good = expire_first(repository);
	calls = memory_of(repository->storage)->calls;
	memory_crash(repository->storage);
	assert_true(is_listed(repository, SECOND));
	assert_whole(repository, SECOND);
	if (is_listed(repository, FIRST))
	{
		/*
		 * The first call removes its manifest.  A storage that calls it absent then
		 * and still has it cannot be seen through, and is the only exception.
		 */
		bool untrue = call == 1 && code == STORE_ABSENT && !afterwards;

		assert_true(!good || untrue);
		if (!untrue)
			assert_whole(repository, FIRST);
	}
	repository_close(repository);
	return calls;
}

static void
test_expire(void **state)
{
	(void) state;
	try_all(try_expire, true, 4);
	try_all(try_expire, false, 4);
}

/* ---- a verification ---- */

static int
try_verify(bool barrier_needed, int call, StoreCode code, bool afterwards)
{
	Repository *repository = repository_in_memory(barrier_needed);
	BackupName first = sample_name("b", FIRST);
	VerifyReport report;
	Manifest *manifest;
	bool good;
	int calls;

	assert_true(back_up(repository, FIRST, NULL));
	memory_fail(repository->storage, call, 1, code, afterwards);
	manifest = repository_manifest(repository, &first);
	if (manifest != NULL)
	{
		good = verify_objects(repository, manifest, VERIFY_DIGESTS, 1, &report);
		assert_true(!good || report.nbad > 0 || report.objects == 2);
		/* Only what says something about a file is called damage. */
		if (code != STORE_ABSENT && code != STORE_DAMAGED)
			assert_int_equal(report.nbad, 0);
		else if (call > 0 && report.nbad == 0)
			assert_int_equal(report.objects, 2);
		verify_report_free(&report);
		manifest_free(manifest);
	}
	else
		assert_true(call > 0);
	calls = memory_of(repository->storage)->calls;
	memory_crash(repository->storage);
	assert_whole(repository, FIRST);
	repository_close(repository);
	return calls;
}

static void
test_verify(void **state)
{
	(void) state;
	try_all(try_verify, true, 4);
}

/* ---- locks ---- */

static void
test_locks(void **state)
{
	Repository *repository = repository_in_memory(true);
	Owner owner = owner_of(NULL, "b");
	StoreLock *lock;
	int code;

	(void) state;
	for (code = STORE_ABSENT; code <= STORE_FAILED; code++)
	{
		memory_fail(repository->storage, 1, 1, (StoreCode) code, false);
		assert_false(repository_lock_backup(repository, &owner, &lock));
		assert_null(lock);
		memory_fail(repository->storage, 1, 1, (StoreCode) code, false);
		assert_int_equal(repository_lock_exclusive(repository, &lock).code, code);
	}
	assert_true(repository_lock_backup(repository, &owner, &lock));
	assert_true(repository_lock_held(repository, lock));
	memory_of(repository->storage)->locks_lost = true;
	assert_false(repository_lock_held(repository, lock));
	repository_unlock(repository, lock);
	repository_close(repository);
}

/* Objects stay when the lock that keeps others out is lost. */
static void
test_lost_lock(void **state)
{
	Repository *repository = repository_in_memory(true);
	BackupName second = sample_name("b", SECOND);
	Leftovers leftovers;
	StoreLock *lock;
	bool damaged;

	(void) state;
	assert_true(back_up(repository, SECOND, NULL));
	assert_int_equal(
		storage_write(
			repository->storage,
			"objects/ab/ab11223344556677889900112233445566778899001122334455667788990011.sql", "x",
			1)
			.code,
		STORE_OK);
	assert_int_equal(repository_lock_exclusive(repository, &lock).code, STORE_OK);
	assert_true(leftovers_find(repository, &second, 1, &leftovers, &damaged));
	assert_int_equal(leftovers.count, 1);
	memory_of(repository->storage)->locks_lost = true;
	assert_false(leftovers_remove(repository, lock, &leftovers));
	assert_int_equal(storage_look(repository->storage, leftovers.items[0].path).code, STORE_OK);
	memory_of(repository->storage)->locks_lost = false;
	assert_true(leftovers_remove(repository, lock, &leftovers));
	assert_int_equal(storage_look(repository->storage, leftovers.items[0].path).code, STORE_ABSENT);
	leftovers_free(&leftovers);
	repository_unlock(repository, lock);
	repository_close(repository);
}

/* ---- single operations ---- */

/* A barrier that fails says nothing about a file, whatever its code: not that it is absent. */
static void
test_removed_for_good(void **state)
{
	Storage *storage = memory_storage(true);
	int code;

	(void) state;
	for (code = STORE_ABSENT; code <= STORE_FAILED; code++)
	{
		assert_int_equal(storage_write(storage, "dir/file", "x", 1).code, STORE_OK);
		memory_fail(storage, 2, 1, (StoreCode) code, false);
		assert_int_equal(storage_remove(storage, "dir/file", true).code, STORE_UNKNOWN_OUTCOME);
		assert_int_equal(memory_of(storage)->calls, 2);
		memory_crash(storage);
		assert_int_equal(storage_look(storage, "dir/file").code, STORE_OK);
		assert_int_equal(storage_remove(storage, "dir/file", true).code, STORE_OK);
		memory_crash(storage);
		assert_int_equal(storage_look(storage, "dir/file").code, STORE_ABSENT);
	}
	storage->close(storage);
}

static void
test_versions(void **state)
{
	Storage *storage = memory_storage(false);
	PutOptions replace = {.mode = PUT_REPLACE_IF};
	StoreInfo before;

	(void) state;
	assert_int_equal(storage_write(storage, "file", "one", 3).code, STORE_OK);
	assert_int_equal(storage->head(storage, "file", &before).code, STORE_OK);
	replace.version = before.version;
	assert_int_equal(storage->put(storage, "file", "two", 3, &replace).code, STORE_OK);
	assert_int_equal(storage->put(storage, "file", "three", 5, &replace).code, STORE_CHANGED);
	storage->close(storage);
}

/* ---- many at once ---- */

static _Atomic int answered;
static _Atomic int failures;

static void
note_answer(void *item, const char *path, const void *content, uint64_t length,
			const StoreResult *result)
{
	(void) item;
	(void) path;
	(void) content;
	(void) length;
	answered++;
	failures += result->code != STORE_OK;
}

static void
test_queue(void **state)
{
	static const PutOptions replace = {.mode = PUT_REPLACE};
	bool barrier_needed;
	int i;

	(void) state;
	for (barrier_needed = false;; barrier_needed = true)
	{
		Storage *storage = memory_storage(barrier_needed);
		PutQueue *queue = put_queue_create(storage, note_answer);
		char content[32];
		char path[32];

		answered = failures = 0;
		memory_fail(storage, 10, 3, STORE_FAILED, false);
		for (i = 0; i < 40; i++)
		{
			snprintf(path, sizeof(path), "file%d", i);
			snprintf(content, sizeof(content), "content %d", i);
			put_queue_add(queue, path, content, strlen(content), &replace, NULL);
			/* The queue has its own copy, or is done with it. */
			memset(content, 'x', sizeof(content) - 1);
		}
		put_queue_wait(queue);
		assert_int_equal(answered, 40);
		assert_int_equal(failures, 3);
		for (i = 0; i < memory_of(storage)->count; i++)
			assert_memory_equal(memory_of(storage)->files[i].now, "content ", 8);
		put_queue_free(queue);
		storage->close(storage);
		if (barrier_needed)
			break;
	}
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, scratch_create, scratch_destroy)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_backup),    TEST(test_expire),           TEST(test_verify),   TEST(test_locks),
		TEST(test_lost_lock), TEST(test_removed_for_good), TEST(test_versions), TEST(test_queue),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
