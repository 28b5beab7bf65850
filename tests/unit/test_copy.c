/*-------------------------------------------------------------------------
 *
 * test_copy.c
 *	  Every call that a copy makes of either place fails once, with every
 *	  code, before or after it was done; and then the machine crashes.
 *
 * What is listed in the place that is copied to must be whole, whatever
 * happened, and the next copy must bring the rest.
 *
 *-------------------------------------------------------------------------
 */
#include "failing_calls.h"
#include "sample_backup.h"

#include "backup_list.h"
#include "backups.h"
#include "bad_objects.h"
#include "copied_note.h"
#include "copy_run.h"
#include "log.h"
#include "repair_run.h"
#include "unclear.h"
#include "verify.h"

#define FIRST "20261123T020000Z"
#define SECOND "20261124T020000Z"

/* A repository with two backups: one object is in both, and each has its own. */
static Repository *
make_source(bool barrier_needed)
{
	static const char *const ids[] = {FIRST, SECOND};
	Repository *repository = repository_in_memory(barrier_needed);
	int i;

	for (i = 0; i < 2; i++)
	{
		BackupName name = sample_name("b", ids[i]);
		Manifest *manifest = sample_manifest(repository, &name);
		ObjectStore *store = object_store_create(repository, "", CODEC_NONE, NULL);

		sample_member(store, manifest, MEMBER_HEAD, "-- in both\n", 11, 0);
		sample_member(store, manifest, MEMBER_PRE_DATA, ids[i], strlen(ids[i]), 0);
		manifest_sum_up(manifest);
		assert_true(object_store_barrier(store, 1));
		assert_true(repository_publish(repository, manifest));
		object_store_free(store);
		manifest_free(manifest);
	}
	return repository;
}

static int told[COPY_UNTRIED + 1];

static void
note_state(const CopiedBackup *backup, void *argument)
{
	(void) argument;
	told[backup->state]++;
}

/* Copy all that can be listed. */
static bool
copy(Repository *from, Repository *to)
{
	const CopyRequest request = {.from = from, .to = to, .threads = 1, .copied = note_state};
	BackupName *names = NULL;
	int count = 0;
	bool good;

	memset(told, 0, sizeof(told));
	good = repository_list(from, NULL, &names, &count) && copy_run(&request, names, count);
	free(names);
	good = unclear_report(from) && good;
	unclear_free(from);
	unclear_free(to);
	return good;
}

/* What is listed is whole; how many that are. */
static int
count_whole(Repository *repository)
{
	BackupName *names = NULL;
	int count = 0;
	int i;

	assert_true(repository_list(repository, NULL, &names, &count));
	for (i = 0; i < count; i++)
	{
		Manifest *manifest = repository_manifest(repository, &names[i]);
		VerifyReport report;

		assert_non_null(manifest);
		assert_true(verify_objects(repository, manifest, VERIFY_DIGESTS, 1, &report));
		assert_int_equal(report.nbad, 0);
		assert_int_equal(report.objects, 2);
		verify_report_free(&report);
		manifest_free(manifest);
	}
	free(names);
	return count;
}

/* Let a call of one of the two fail; returns how many calls were made of it. */
static int
try_copy(bool barrier_needed, bool source, int call, StoreCode code, bool afterwards)
{
	Repository *from = make_source(barrier_needed);
	Repository *to = repository_in_memory(barrier_needed);
	bool good;
	int calls;

	memory_fail(to->storage, source ? 0 : call, 1, code, afterwards);
	memory_fail(from->storage, source ? call : 0, 1, code, afterwards);
	good = copy(from, to);
	calls = memory_of(source ? from->storage : to->storage)->calls;
	memory_fail(to->storage, 0, 0, STORE_OK, false);
	memory_fail(from->storage, 0, 0, STORE_OK, false);
	memory_crash(to->storage);
	memory_crash(from->storage);
	/* A listing that is untrue about the source hides what is to be copied. */
	if (good && !(source && code == STORE_ABSENT))
		assert_int_equal(count_whole(to), 2);
	else
		count_whole(to);
	assert_int_equal(count_whole(from), 2);
	log_forget_errors();
	assert_true(copy(from, to));
	memory_crash(to->storage);
	assert_int_equal(count_whole(to), 2);
	repository_close(from);
	repository_close(to);
	return calls;
}

static int
try_place(bool barrier_needed, int call, StoreCode code, bool afterwards)
{
	return try_copy(barrier_needed, false, call, code, afterwards);
}

static int
try_source(bool barrier_needed, int call, StoreCode code, bool afterwards)
{
	return try_copy(barrier_needed, true, call, code, afterwards);
}

static void
test_place(void **state)
{
	(void) state;
	try_all(try_place, true, 8);
	try_all(try_place, false, 8);
}

static void
test_source(void **state)
{
	(void) state;
	try_all(try_source, true, 8);
	try_all(try_source, false, 8);
}

/* ---- damage ---- */

static MemoryFile *
object_file(Repository *repository, const char *content)
{
	MemoryStorage *memory = memory_of(repository->storage);
	int i;

	for (i = 0; i < memory->count; i++)
	{
		if (memory->files[i].now != NULL && memory->files[i].length == strlen(content) &&
			memcmp(memory->files[i].now, content, strlen(content)) == 0)
			return &memory->files[i];
	}
	return NULL;
}

/* A damaged object stops the backups that need it, and no other. */
static void
test_damage(void **state)
{
	Repository *from = make_source(true);
	Repository *to = repository_in_memory(true);

	(void) state;
	object_file(from, SECOND)->now[3] ^= 1;
	assert_false(copy(from, to));
	assert_int_equal(log_exit_code(), EXIT_INTEGRITY);
	assert_int_equal(told[COPY_DONE], 1);
	assert_int_equal(told[COPY_DAMAGED], 1);
	assert_int_equal(count_whole(to), 1);
	log_forget_errors();
	object_file(from, "-- in both\n")->now[3] ^= 1;
	repository_close(to);
	to = repository_in_memory(true);
	assert_false(copy(from, to));
	assert_int_equal(told[COPY_DAMAGED], 2);
	assert_int_equal(count_whole(to), 0);
	log_forget_errors();
	repository_close(from);
	repository_close(to);
}

/* ---- what is there already ---- */

/* So many calls put an object of this content. */
static unsigned
written(Repository *repository, const char *content)
{
	return object_file(repository, content)->version;
}

/*
 * An object that no manifest names may be lost in a crash, as far as anybody
 * knows, unless a copy has noted it.
 */
static void
test_noted(void **state)
{
	Repository *from = make_source(true);
	Repository *to = repository_in_memory(true);
	CopiedNote note;

	(void) state;
	assert_true(copy(from, to));
	memory_fail(to->storage, 0, 0, STORE_OK, false);
	assert_int_equal(storage_remove(to->storage, "backups/b/" SECOND ".json", true).code, STORE_OK);
	assert_true(copy(from, to));
	assert_int_equal(written(to, SECOND), 2);
	assert_int_equal(written(to, "-- in both\n"), 1);

	assert_int_equal(storage_remove(to->storage, "backups/b/" SECOND ".json", true).code, STORE_OK);
	copied_note_load(&note, to);
	assert_int_equal(note.count, 0);
	copied_note_add(&note, object_file(to, SECOND)->path);
	copied_note_write(&note, to);
	copied_note_free(&note);
	assert_true(copy(from, to));
	assert_int_equal(written(to, SECOND), 2);
	copied_note_load(&note, to);
	assert_int_equal(note.count, 0);
	copied_note_free(&note);
	assert_int_equal(count_whole(to), 2);
	repository_close(from);
	repository_close(to);
}

/* A machine that was paused: the locks are over, and nothing is left to be sent but the manifest.
 */
static void
test_locks_lost(void **state)
{
	Repository *from = make_source(false);
	Repository *to = repository_in_memory(false);

	(void) state;
	assert_true(copy(from, to));
	assert_int_equal(storage_remove(to->storage, "backups/b/" SECOND ".json", true).code, STORE_OK);
	memory_of(to->storage)->locks_lost = true;
	assert_false(copy(from, to));
	assert_int_equal(count_whole(to), 1);
	log_forget_errors();
	memory_of(to->storage)->locks_lost = false;
	assert_true(copy(from, to));
	assert_int_equal(count_whole(to), 2);
	repository_close(from);
	repository_close(to);
}

/* Where there is no space, each backup is named, and those that fit are there. */
static void
test_full(void **state)
{
	int count = try_place(true, 0, STORE_FAILED, false);
	int call;
	int partly = 0;

	(void) state;
	for (call = 1; call <= count; call++)
	{
		Repository *from = make_source(true);
		Repository *to = repository_in_memory(true);
		int sum = 0;
		int i;

		memory_fail(to->storage, call, 1, STORE_FULL, false);
		(void) copy(from, to);
		for (i = COPY_LEFT_OUT; i <= COPY_UNTRIED; i++)
			sum += told[i];
		assert_true(sum == 2 || sum == 0);
		partly += told[COPY_FAILED] == 1 && told[COPY_DONE] == 1;
		memory_crash(to->storage);
		assert_int_equal(count_whole(to), told[COPY_DONE]);
		log_forget_errors();
		repository_close(from);
		repository_close(to);
	}
	assert_true(partly > 0);
}

/* One that was found damaged there is sent again, once. */
static void
test_bad_there(void **state)
{
	Repository *from = make_source(true);
	Repository *to = repository_in_memory(true);
	BackupName name = sample_name("b", SECOND);
	Manifest *manifest;

	(void) state;
	assert_true(copy(from, to));
	manifest = repository_manifest(to, &name);
	object_file(to, SECOND)->now[3] ^= 1;
	bad_object_note(to, manifest, 1, "is damaged");
	assert_int_equal(bad_objects_count(to, manifest), 1);
	assert_true(copy(from, to));
	assert_int_equal(told[COPY_COMPLETED], 1);
	assert_int_equal(bad_objects_count(to, manifest), 0);
	assert_int_equal(count_whole(to), 2);
	assert_true(copy(from, to));
	assert_int_equal(told[COPY_PRESENT], 2);
	manifest_free(manifest);
	repository_close(from);
	repository_close(to);
}

/* ---- repair ---- */

static void
ignore_repaired(const RepairedBackup *backup, void *argument)
{
	(void) backup;
	(void) argument;
}

static bool
repair(Repository *from, Repository *to)
{
	const RepairRequest request = {
		.from = from, .to = to, .threads = 1, .repaired = ignore_repaired};
	BackupName *names = NULL;
	int count = 0;
	bool good;

	good = repository_list(to, NULL, &names, &count) && repair_run(&request, names, count);
	free(names);
	good = unclear_report(to) && good;
	unclear_free(to);
	return good;
}

/* One object is lost, one is damaged, and so is a manifest; then a call fails. */
static int
try_repair(bool barrier_needed, int call, StoreCode code, bool afterwards)
{
	Repository *from = make_source(barrier_needed);
	Repository *to = make_source(barrier_needed);
	BackupName name = sample_name("b", FIRST);
	Manifest *manifest = repository_manifest(to, &name);
	int calls;
	bool good;

	assert_int_equal(storage_remove(to->storage, object_file(to, SECOND)->path, true).code,
					 STORE_OK);
	object_file(to, FIRST)->now[3] ^= 1;
	bad_object_note(to, manifest, 1, "is damaged");
	assert_int_equal(storage_write(to->storage, "backups/b/" FIRST ".json", "{}", 2).code,
					 STORE_OK);
	memory_fail(to->storage, call, 1, code, afterwards);
	good = repair(from, to);
	calls = memory_of(to->storage)->calls;
	memory_fail(to->storage, 0, 0, STORE_OK, false);
	memory_crash(to->storage);
	log_forget_errors();
	/* A listing that is untrue hides what is damaged. */
	if (good && code != STORE_ABSENT)
		assert_int_equal(count_whole(to), 2);
	assert_true(repair(from, to));
	memory_crash(to->storage);
	assert_int_equal(count_whole(to), 2);
	assert_int_equal(count_whole(from), 2);
	manifest_free(manifest);
	repository_close(from);
	repository_close(to);
	return calls;
}

static void
test_repair(void **state)
{
	(void) state;
	try_all(try_repair, true, 8);
	try_all(try_repair, false, 8);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, scratch_create, scratch_destroy)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_place),      TEST(test_source),    TEST(test_damage), TEST(test_noted),
		TEST(test_locks_lost), TEST(test_bad_there), TEST(test_full),   TEST(test_repair)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
