/*-------------------------------------------------------------------------
 *
 * test_order.c
 *	  In what order files are published and removed, what is on the disk
 *	  before what, and what stays when one of these steps fails.
 *
 *-------------------------------------------------------------------------
 */
#include "recording_storage.h"
#include "storage_calls.h"
#include "sample_backup.h"

#include <limits.h>
#include <sys/syscall.h>

#include "backups.h"
#include "keyring.h"
#include "leftover_removal.h"
#include "all_settings.h"
#include "options.h"
#include "resolve.h"
#include "verification.h"
#include "writer_state.h"

/* ---- publishing ---- */

/* The .sha256 first, as the manifest makes the backup exist; both on the disk, and the objects. */
static void
test_publish(void **state)
{
	Repository *repository = sample_repository();
	int listing;
	int manifest;
	int barrier;
	int after;

	(void) state;
	recording_begin(repository);
	sample_publish(repository, "b", "20261123T020000Z");
	listing = recorded(0, "W backups/b/20261123T020000Z.sha256");
	manifest = recorded(listing, "W backups/b/20261123T020000Z.json");
	/* Behind it only the notes of where it lies (held_directories.h). */
	for (after = manifest + 1; after < recording.count; after++)
		assert_non_null(strstr(recording.calls[after], " lock/held/"));

	barrier = recorded(0, "N objects/");
	barrier = recorded(barrier, "B objects/");
	barrier = recorded(barrier + 1, "B objects/");
	assert_true(barrier < listing);
	repository_close(repository);
}

static bool
is_listed(Repository *repository)
{
	BackupName name;
	Owner owner = owner_of(NULL, "b");

	return repository_latest(repository, &owner, &name);
}

/* Publish, with a failure; true if there is a backup afterwards. */
static void
publish_with_failure(void)
{
	Repository *repository = repository_open(scratch_path("repo"));
	BackupName name = sample_name("b", "20261123T020000Z");
	Manifest *manifest = sample_manifest(repository, &name);
	ObjectStore *store = object_store_create(repository, "", CODEC_NONE, NULL);

	sample_member(store, manifest, MEMBER_HEAD, "-- head\n", 8, 0);
	manifest_sum_up(manifest);
	assert_true(object_store_barrier(store, 1));
	recording_begin(repository);
	recording_fail("W", ".json", EIO, file_exists(scratch_path("afterwards")));
	if (repository_publish(repository, manifest) || is_listed(repository))
		_exit(99);
	if (file_exists(scratch_path("repo/backups/b/20261123T020000Z.sha256")))
		_exit(98);
}

static void
remove_fails_too(void)
{
	Repository *repository = repository_open(scratch_path("repo"));
	BackupName name = sample_name("b", "20261123T020000Z");
	Manifest *manifest = sample_manifest(repository, &name);
	ObjectStore *store = object_store_create(repository, "", CODEC_NONE, NULL);

	sample_member(store, manifest, MEMBER_HEAD, "-- head\n", 8, 0);
	manifest_sum_up(manifest);
	assert_true(object_store_barrier(store, 1));
	recording_begin(repository);
	recording_fail("WX", ".json", EIO, false);
	recording.times = -1;
	if (repository_publish(repository, manifest))
		_exit(99);
}

/* Two backups under one id, as of two hosts whose lock does not hold: the first one stays whole. */
static void
publish_again(void)
{
	Repository *repository = repository_open(scratch_path("repo"));
	BackupName name = sample_name("b", "20261123T020000Z");
	Manifest *manifest = sample_manifest(repository, &name);
	ObjectStore *store = object_store_create(repository, "", CODEC_NONE, NULL);

	sample_member(store, manifest, MEMBER_HEAD, "-- other\n", 9, 0);
	manifest_sum_up(manifest);
	assert_true(object_store_barrier(store, 1));
	if (repository_publish(repository, manifest))
		_exit(99);
}

static void
test_publish_again(void **state)
{
	Repository *repository = sample_repository();
	BackupName name = sample_publish(repository, "b", "20261123T020000Z");
	Manifest *manifest;

	(void) state;
	assert_int_equal(exit_code_of(publish_again), EXIT_FAILED);
	manifest = repository_manifest(repository, &name);
	assert_non_null(manifest);
	assert_int_equal(manifest->nobjects, 2);
	manifest_free(manifest);

	/* Also if only the listing was free. */
	assert_int_equal(unlink(scratch_path("repo/backups/b/20261123T020000Z.sha256")), 0);
	assert_int_equal(exit_code_of(publish_again), EXIT_FAILED);
	assert_true(file_exists(scratch_path("repo/backups/b/20261123T020000Z.json")));
	repository_close(repository);
}

/* Who lost a lock does not know what others have removed since. */
static void
publish_without_lock(void)
{
	Repository *repository = repository_open(scratch_path("repo"));
	StoreLock *lock;
	Owner owner = owner_of(NULL, "b");

	if (!repository_lock_shared(repository) || !repository_lock_backup(repository, &owner, &lock) ||
		!repository_lock_held(repository, lock))
		_exit(99);
	if (unlink(scratch_path(file_exists(scratch_path("shared")) ? "repo/lock/repository"
																: "repo/lock/backup-b")) != 0)
		_exit(98);
	if (repository_lock_held(repository, lock))
		_exit(97);
}

static void
test_lost_locks(void **state)
{
	(void) state;
	repository_close(sample_repository());
	assert_int_equal(exit_code_of(publish_without_lock), EXIT_FAILED);
	assert_int_equal(mkdir(scratch_path("shared"), 0700), 0);
	assert_int_equal(exit_code_of(publish_without_lock), EXIT_FAILED);
}

/* A manifest that its reader refuses: text that is larger than any may be. */
static void
publish_unreadable(void)
{
	Repository *repository = repository_open(scratch_path("repo"));
	BackupName name = sample_name("b", "20261123T020000Z");
	Manifest *manifest = sample_manifest(repository, &name);
	ObjectStore *store = object_store_create(repository, "", CODEC_NONE, NULL);

	sample_member(store, manifest, MEMBER_HEAD, "-- head\n", 8, 0)->raw = UINT64_MAX / 4;
	manifest_sum_up(manifest);
	assert_true(object_store_barrier(store, 1));
	if (repository_publish(repository, manifest) || is_listed(repository))
		_exit(99);
	if (file_exists(scratch_path("repo/backups/b/20261123T020000Z.sha256")))
		_exit(98);
}

/* What nobody could read is not published. */
static void
test_publish_unreadable(void **state)
{
	(void) state;
	repository_close(sample_repository());
	assert_int_equal(exit_code_of(publish_unreadable), EXIT_FAILED);
}

/* What is reported as failed is not there, whenever it failed. */
static void
test_publish_fails(void **state)
{
	(void) state;
	repository_close(sample_repository());
	assert_int_equal(exit_code_of(publish_with_failure), EXIT_FAILED);
	assert_int_equal(mkdir(scratch_path("afterwards"), 0700), 0);
	assert_int_equal(exit_code_of(publish_with_failure), EXIT_FAILED);
	assert_int_equal(exit_code_of(remove_fails_too), EXIT_FAILED);
}

/* ---- removing ---- */

/* The manifest first, for good; else a crash would leave a backup without what it needs. */
static void
test_remove(void **state)
{
	Repository *repository = sample_repository();
	BackupName name = sample_publish(repository, "b", "20261123T020000Z");
	int manifest;
	int directory;

	(void) state;
	repository_record_verification(repository, &name, "", true, true, NULL, NULL, 0);
	recording_begin(repository);
	assert_true(repository_remove_backup(repository, &name));
	manifest = recorded(0, "X backups/b/20261123T020000Z.json");
	assert_int_equal(manifest, 0);
	directory = recorded(manifest, "B backups/b/");
	assert_int_equal(directory, 1);
	recorded(directory, "X backups/b/20261123T020000Z.sha256");
	recorded(directory, "X backups/b/20261123T020000Z.verified");
	repository_close(repository);
}

static void
remove_with_failure(void)
{
	Repository *repository = repository_open(scratch_path("repo"));
	BackupName name = sample_name("b", "20261123T020000Z");

	recording_begin(repository);
	recording_fail("B", "backups/b", EIO, false);
	if (repository_remove_backup(repository, &name))
		_exit(99);
}

static void
test_remove_fails(void **state)
{
	Repository *repository = sample_repository();

	(void) state;
	sample_publish(repository, "b", "20261123T020000Z");
	repository_close(repository);
	assert_int_equal(exit_code_of(remove_with_failure), EXIT_FAILED);
}

/* ---- leftovers ---- */

static void
write_empty(const char *relative)
{
	char *full = xasprintf("%s/repo/%s", scratch, relative);
	FILE *file = fopen(full, "wb");

	assert_non_null(file);
	assert_int_equal(fclose(file), 0);
	free(full);
}

#define ID_A "aa11223344556677889900112233445566778899001122334455667788990011"

static const char *const left[] = {
	"objects/aa/" ID_A ".sql",         "objects/aa/" ID_A ".sql.gz",
	"objects/aa/" ID_A ".sql.zst",     "objects/aa/" ID_A ".sql.age",
	"objects/aa/" ID_A ".sql.gz.age",  "objects/aa/" ID_A ".sql.zst.age",
	"objects/aa/" ID_A ".sql.nxb",     "objects/aa/" ID_A ".sql.gz.nxb",
	"objects/aa/" ID_A ".sql.zst.nxb",
};

static const char *const companions[] = {
	"backups/b/20261124T020000Z.sha256",
	"backups/b/20261124T020000Z.verified",
	"globals/20261124T020000Z.sha256",
	"config/set/20261124T020000Z-2.verified",
};

static const char *const strangers[] = {
	"objects/aa/" ID_A "0.sql",
	"objects/aa/" ID_A ".sql.txt",
	"objects/aa/" ID_A,
	"backups/b/20261124T020000Z.txt",
};

/* A backup and files that no backup needs. */
static Repository *
make_leftovers(void)
{
	Repository *repository = sample_repository();
	size_t i;

	sample_publish(repository, "b", "20261123T020000Z");
	mkdir(scratch_path("repo/objects/aa"), 0700);
	mkdir(scratch_path("repo/globals"), 0700);
	mkdir(scratch_path("repo/config"), 0700);
	mkdir(scratch_path("repo/config/set"), 0700);
	for (i = 0; i < sizeof(left) / sizeof(left[0]); i++)
		write_empty(left[i]);
	for (i = 0; i < sizeof(companions) / sizeof(companions[0]); i++)
		write_empty(companions[i]);
	for (i = 0; i < sizeof(strangers) / sizeof(strangers[0]); i++)
		write_empty(strangers[i]);
	return repository;
}

static bool
find(Repository *repository, Leftovers *leftovers)
{
	BackupName name = sample_name("b", "20261123T020000Z");
	bool damaged;

	return leftovers_find(repository, &name, 1, leftovers, &damaged);
}

/* Objects of every codec and cipher, what lies beside no manifest, and nothing else. */
static void
test_leftovers(void **state)
{
	Repository *repository = make_leftovers();
	Leftovers leftovers;
	size_t i;

	(void) state;
	assert_string_equal(cipher_suffix(CIPHER_AGE), ".age");
	assert_string_equal(cipher_suffix(CIPHER_AES_256_GCM), ".nxb");
	assert_true(find(repository, &leftovers));
	assert_int_equal(leftovers.number[LEFTOVER_OBJECT], sizeof(left) / sizeof(left[0]));
	assert_int_equal(leftovers.number[LEFTOVER_COMPANION],
					 sizeof(companions) / sizeof(companions[0]));
	assert_int_equal(leftovers.number[LEFTOVER_TEMPORARY], 0);
	assert_true(leftovers_remove(repository, NULL, &leftovers));
	leftovers_free(&leftovers);
	assert_true(find(repository, &leftovers));
	assert_int_equal(leftovers.count, 0);
	leftovers_free(&leftovers);
	for (i = 0; i < sizeof(strangers) / sizeof(strangers[0]); i++)
	{
		char *name = xasprintf("repo/%s", strangers[i]);

		assert_true(file_exists(scratch_path(name)));
		free(name);
	}
	repository_close(repository);
}

static void
remove_one_fails(void)
{
	Repository *repository = repository_open(scratch_path("repo"));
	Leftovers leftovers;

	recording_begin(repository);
	recording_fail("X", "objects/", EPERM, false);
	if (!find(repository, &leftovers))
		_exit(99);
	if (leftovers_remove(repository, NULL, &leftovers))
		_exit(98);
}

static void
reference_fails(void)
{
	Repository *repository = repository_open(scratch_path("repo"));
	Leftovers leftovers;
	bool damaged;
	BackupName names[2] = {sample_name("b", "20261123T020000Z"),
						   sample_name("b", "20261122T020000Z")};

	if (leftovers_find(repository, names, 2, &leftovers, &damaged) || !damaged ||
		leftovers.count != 0)
		_exit(99);
}

static void
test_leftovers_fail(void **state)
{
	(void) state;
	repository_close(make_leftovers());
	assert_int_equal(exit_code_of(remove_one_fails), EXIT_FAILED);
	write_empty("backups/b/20261122T020000Z.json");
	assert_int_equal(exit_code_of(reference_fails), EXIT_INTEGRITY);
}

/* ---- what the driver asks of the system ---- */

static char system_calls[64][PATH_MAX];
static int nsystem_calls;
static bool spy;
static int fsyncs;
static int failing_fsync; /* its number; 0: none */
static bool cut_reads;

static void
spy_on(const char *call, const char *name)
{
	if (!spy)
		return;
	assert_true(nsystem_calls < 64);
	snprintf(system_calls[nsystem_calls++], PATH_MAX, "%s %s", call,
			 strncmp(name, scratch, strlen(scratch)) == 0 ? name + strlen(scratch) : name);
}

/* These take the place of libc's in the whole program. */
int
fsync(int fd)
{
	char link[64];
	char name[PATH_MAX] = "";

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	if (readlink(link, name, sizeof(name) - 1) < 0)
		return -1;
	spy_on("fsync", name);
	if (++fsyncs == failing_fsync)
	{
		errno = EIO;
		return -1;
	}
	return (int) syscall(SYS_fsync, fd);
}

int
renameat(int from, const char *old, int to, const char *new)
{
	spy_on("rename", new);
	return (int) syscall(SYS_renameat2, from, old, to, new, 0);
}

ssize_t
pread64(int fd, void *into, size_t length, off64_t offset)
{
	if (cut_reads && offset > 0)
		return 0;
	return syscall(SYS_pread64, fd, into, cut_reads ? (length + 1) / 2 : length, offset);
}

/* A durable file: its bytes, its name, and every directory on the way to it. */
static void
test_durable_write(void **state)
{
	StoreResult result;
	Storage *storage = posix_storage_open(scratch_path("repo"), true, &result);

	(void) state;
	assert_non_null(storage);
	assert_int_equal(storage_write(storage, "a/b/file", "x", 1).code, STORE_OK);
	spy = true;
	assert_int_equal(storage_write(storage, "a/b/file", "y", 1).code, STORE_OK);
	spy = false;
	assert_int_equal(nsystem_calls, 5);
	assert_memory_equal(system_calls[0], "fsync /repo/a/b/file.", 21);
	assert_string_equal(system_calls[1], "rename file");
	assert_string_equal(system_calls[2], "fsync /repo/a/b");
	assert_string_equal(system_calls[3], "fsync /repo/a");
	assert_string_equal(system_calls[4], "fsync /repo");
	storage->close(storage);
}

/* The barrier: each file, then each directory once, the inner ones first. */
static void
test_barrier(void **state)
{
	static const char *const expected[] = {
		"fsync /repo/a/b/one", "fsync /repo/a/b/two", "fsync /repo/a/c/one", "fsync /repo/a/c",
		"fsync /repo/a/b",     "fsync /repo/a",       "fsync /repo"};
	char *paths[] = {"a/b/one", "a/b/two", "a/c/one"};
	StoreResult result;
	Storage *storage = posix_storage_open(scratch_path("repo"), true, &result);
	char *failed;
	size_t i;

	(void) state;
	assert_non_null(storage);
	for (i = 0; i < 3; i++)
		assert_int_equal(storage->put(storage, paths[i], "x", 1, &create_later).code, STORE_OK);
	nsystem_calls = 0;
	spy = true;
	assert_int_equal(storage->barrier(storage, paths, 3, 1, &failed).code, STORE_OK);
	spy = false;
	assert_null(failed);
	assert_int_equal(nsystem_calls, 7);
	for (i = 0; i < 7; i++)
		assert_string_equal(system_calls[i], expected[i]);

	/* The first failure is told, and no directory is made durable behind it. */
	fsyncs = nsystem_calls = 0;
	failing_fsync = 2;
	spy = true;
	assert_int_equal(storage->barrier(storage, paths, 3, 1, &failed).code, STORE_FAILED);
	spy = false;
	failing_fsync = 0;
	assert_int_equal(nsystem_calls, 2);
	assert_string_equal(failed, "a/b/two");
	free(failed);
	storage->close(storage);
}

/* A file that is cut off while it is read. */
static void
test_short_read(void **state)
{
	StoreResult result;
	Storage *storage = posix_storage_open(scratch_path("repo"), true, &result);
	char part[4];
	Buffer whole;

	(void) state;
	assert_non_null(storage);
	assert_int_equal(storage_write(storage, "file", "12345678", 8).code, STORE_OK);
	buffer_init(&whole);
	cut_reads = true;
	assert_int_equal(storage_read_range(storage, "file", 0, 4, part).code, STORE_DAMAGED);
	assert_int_equal(storage_read(storage, "file", 100, &whole).code, STORE_DAMAGED);
	cut_reads = false;
	assert_int_equal(storage_read_range(storage, "file", 0, 4, part).code, STORE_OK);
	buffer_free(&whole);
	storage->close(storage);
}

/* ---- the state of a writer ---- */

/* Save with this fsync failing; the exit code, or 99 if that is good. */
static void
save_state(void)
{
	static AllSettings settings;
	Repository *repository = repository_open(scratch_path("repo"));
	int64_t serial;
	WriterKey key;

	settings_clear(&settings);
	settings.keys.state_dir = (char *) scratch_path("state");
	assert_true(keyring_load(&settings.keys));
	assert_true(writer_key_generate(&key));
	fsyncs = 0;
	if (!writer_state_save(repository, &key, 7))
		return;
	if (!writer_state_serial(repository->id, &serial) || serial != 7)
		_exit(98);
	_exit(99);
}

/*
 * Key, location, serial: each a file, its directory, and the one above.  What
 * could not be done is done by the next attempt.  When the serial has its name,
 * all is done, and must not be reported as failed.
 */
static void
test_state(void **state)
{
	int i;

	(void) state;
	repository_close(sample_repository());
	for (i = 1; i <= 12; i++)
	{
		failing_fsync = i;
		if (exit_code_of(save_state) == 99)
			break;
	}
	/* By then the key is there: location, its directory, the one above, serial, its directory. */
	assert_int_equal(i, 5);
	failing_fsync = 0;
	assert_int_equal(exit_code_of(save_state), 99);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, scratch_create, scratch_destroy)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_publish),        TEST(test_publish_unreadable),
		TEST(test_publish_fails),  TEST(test_publish_again),
		TEST(test_lost_locks),     TEST(test_remove),
		TEST(test_remove_fails),   TEST(test_leftovers),
		TEST(test_leftovers_fail), TEST(test_durable_write),
		TEST(test_barrier),        TEST(test_short_read),
		TEST(test_state),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
