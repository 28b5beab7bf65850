/*-------------------------------------------------------------------------
 *
 * test_repository.c
 *	  A repository from its creation to its damage: init, open, publish,
 *	  find, remove, lock.
 *
 *-------------------------------------------------------------------------
 */
#include "scratch.h"

#include "backup_list.h"
#include "backups.h"
#include "interrupt.h"
#include "log.h"
#include "memory.h"
#include "object_store.h"
#include "recover_text.h"
#include "resolve.h"
#include "seal.h"
#include "seal_append.h"
#include "verification.h"

static const char *
repo(void)
{
	return scratch_path("repo");
}

static const char *
header_path(void)
{
	return scratch_path("repo/nex_backup.json");
}

static Repository *
make_repository(void)
{
	Repository *repository;
	bool created;

	assert_true(repository_init(repo(), &created));
	assert_true(created);
	repository = repository_open(repo());
	assert_non_null(repository);
	return repository;
}

static void
write_text(const char *path, const char *text)
{
	FILE *file = fopen(path, "wb");

	assert_non_null(file);
	assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
	assert_int_equal(fclose(file), 0);
}

/* A database of main; valid until the next call. */
static const Owner *
owned(const char *database)
{
	static Owner owner;

	owner = owner_of(NULL, database);
	return &owner;
}

/* A backup with one object, published; gives its name. */
static BackupName
publish(Repository *repository, const char *database, const char *id)
{
	ObjectStore *store = object_store_create(repository, "", CODEC_NONE, NULL);
	Manifest *manifest = manifest_create();
	ManifestObject object;
	BackupName name;
	Member member;

	memset(&name, 0, sizeof(name));
	name.owner = owner_of(NULL, database);
	snprintf(name.id, sizeof(name.id), "%s", id);
	memcpy(manifest->id, name.id, sizeof(name.id));
	manifest->repository = xstrdup(repository->id);
	manifest->type = xstrdup("manual");
	manifest->tool = xstrdup("0.1.0");
	manifest->pg_dump = xstrdup("15.18");
	manifest->started = xstrdup("2026-11-23T02:00:00.000Z");
	manifest->snapshot_at = xstrdup("2026-11-23T02:00:00.000Z");
	manifest->finished = xstrdup("2026-11-23T02:00:00.000Z");
	manifest->codec = CODEC_NONE;
	manifest->database.name = xstrdup(database);
	manifest->database.owner = xstrdup("postgres");
	manifest->database.encoding = xstrdup("UTF8");
	manifest->database.provider = xstrdup("c");
	manifest->database.tablespace = xstrdup("pg_default");
	manifest->server.version = xstrdup("15.18");
	assert_true(object_store_put(store, "-- head\n", 8, &object));
	memset(&member, 0, sizeof(member));
	member.table = -1;
	member.length = member.raw = 8;
	member.object = manifest_add_object(manifest, &object);
	manifest_add_member(manifest, &member);
	manifest_sum_up(manifest);
	assert_true(object_store_barrier(store, 1));
	assert_true(repository_publish(repository, manifest));
	object_store_free(store);
	manifest_free(manifest);
	return name;
}

static const char *
file_of(const BackupName *name, const char *suffix)
{
	char *relative = backup_path(name, suffix);
	char *path = xasprintf("repo/%s", relative);
	const char *result = scratch_path(path);

	free(relative);
	free(path);
	return result;
}

/* ---- creating and opening ---- */

static void
open_it(void)
{
	Repository *repository = repository_open(repo());

	if (repository != NULL && !repository_check_header(repository))
		_exit(log_exit_code());
	repository_close(repository);
}

static void
init_it(void)
{
	bool created;

	repository_init(repo(), &created);
}

static void
test_init(void **state)
{
	Repository *first = make_repository();
	Repository *second;
	struct stat status;
	bool created;

	(void) state;
	assert_int_equal(stat(repo(), &status), 0);
	assert_int_equal(status.st_mode & 07777, 0700);
	assert_int_equal(stat(header_path(), &status), 0);
	assert_int_equal(status.st_mode & 07777, 0600);
	assert_true(repository_check_header(first));

	/* Again: the same repository, nothing written. */
	assert_true(repository_init(repo(), &created));
	assert_false(created);
	second = repository_open(repo());
	assert_string_equal(second->id, first->id);
	assert_string_equal(second->created, first->created);
	repository_close(first);
	repository_close(second);
}

static void
test_init_refuses_foreign_directory(void **state)
{
	(void) state;
	assert_int_equal(mkdir(repo(), 0700), 0);
	write_text(scratch_path("repo/thesis.tex"), "years of work");
	assert_int_equal(exit_code_of(init_it), EXIT_FAILED);
	assert_false(file_exists(header_path()));
	assert_int_equal(exit_code_of(open_it), EXIT_FAILED);
}

/* What a killed init leaves, and what mkfs leaves. */
static void
test_init_after_killed_init(void **state)
{
	(void) state;
	assert_int_equal(mkdir(repo(), 0700), 0);
	assert_int_equal(mkdir(scratch_path("repo/lost+found"), 0700), 0);
	write_text(scratch_path("repo/RECOVER.txt"), "half of i");
	write_text(scratch_path("repo/nex_backup.json.12-3-4.tmp"), "{");
	assert_int_equal(exit_code_of(init_it), EXIT_DONE);
	assert_int_equal(exit_code_of(open_it), EXIT_DONE);
}

static void
test_no_repository(void **state)
{
	(void) state;
	assert_int_equal(exit_code_of(open_it), EXIT_FAILED);
	write_text(repo(), "a file");
	assert_int_equal(exit_code_of(open_it), EXIT_FAILED);
	assert_int_equal(exit_code_of(init_it), EXIT_FAILED);
}

static void
test_damaged_header(void **state)
{
	struct stat status;
	off_t i;

	(void) state;
	repository_close(make_repository());
	assert_int_equal(stat(header_path(), &status), 0);
	for (i = 0; i < status.st_size; i += 7)
	{
		flip_byte(header_path(), i);
		assert_int_equal(exit_code_of(open_it), EXIT_INTEGRITY);
		assert_int_equal(exit_code_of(init_it), EXIT_INTEGRITY);
		flip_byte(header_path(), i);
	}
	assert_int_equal(truncate(header_path(), 0), 0);
	assert_int_equal(exit_code_of(open_it), EXIT_INTEGRITY);
}

static void
test_damaged_recover_text(void **state)
{
	(void) state;
	repository_close(make_repository());
	flip_byte(scratch_path("repo/RECOVER.txt"), 10);
	assert_int_equal(exit_code_of(open_it), EXIT_INTEGRITY);
	assert_int_equal(exit_code_of(init_it), EXIT_DONE);
	assert_int_equal(exit_code_of(open_it), EXIT_DONE);
	assert_int_equal(unlink(scratch_path("repo/RECOVER.txt")), 0);
	assert_int_equal(exit_code_of(open_it), EXIT_INTEGRITY);
	assert_int_equal(exit_code_of(init_it), EXIT_DONE);
	assert_int_equal(exit_code_of(open_it), EXIT_DONE);
}

/* A header with a good seal and these texts in it. */
static void
write_header(const char *format, const char *id, const char *recover)
{
	Buffer json;

	buffer_init(&json);
	buffer_printf(&json,
				  "{\n\"format\": %s,\n\"id\": \"%s\",\n\"created\": \"2026-11-23T02:00:00Z\","
				  "\n\"recover_sha256\": \"%s\"",
				  format, id, recover);
	assert_true(seal_append(&json));
	write_text(header_path(), json.data);
	buffer_free(&json);
}

#define SOME_ID "0b8e1f0e-0000-4000-8000-000000000001"

/* The digest of RECOVER.txt of a plain repository. */
static void
recover_digest(DigestHex digest)
{
	char *text = recover_text(CIPHER_NONE);

	assert_true(digest_buffer(text, strlen(text), digest));
	free(text);
}

/* An older version of the tool had another text: init brings it up to date, keeping the id. */
static void
test_outdated_recover_text(void **state)
{
	Repository *repository;
	DigestHex digest;

	(void) state;
	repository_close(make_repository());
	write_text(scratch_path("repo/RECOVER.txt"), "the old text\n");
	assert_true(digest_buffer("the old text\n", 13, digest));
	write_header("1", SOME_ID, digest);
	assert_int_equal(exit_code_of(open_it), EXIT_DONE);
	assert_int_equal(exit_code_of(init_it), EXIT_DONE);
	repository = repository_open(repo());
	assert_true(repository_check_header(repository));
	assert_string_equal(repository->id, SOME_ID);
	recover_digest(digest);
	assert_string_equal(repository->recover_digest, digest);
	repository_close(repository);
}

static void
test_bad_header_values(void **state)
{
	DigestHex digest;

	(void) state;
	repository_close(make_repository());
	recover_digest(digest);
	write_header("1", SOME_ID, digest);
	assert_int_equal(exit_code_of(open_it), EXIT_DONE);
	write_header("2", SOME_ID, digest);
	assert_int_equal(exit_code_of(open_it), EXIT_FAILED);
	assert_int_equal(exit_code_of(init_it), EXIT_FAILED);
	write_header("\"1\"", SOME_ID, digest);
	assert_int_equal(exit_code_of(open_it), EXIT_FAILED);
	write_header("11111111111111111111111111111111111111111111", SOME_ID, digest);
	assert_int_equal(exit_code_of(open_it), EXIT_INTEGRITY);
	write_header("1", "not-a-uuid", digest);
	assert_int_equal(exit_code_of(open_it), EXIT_INTEGRITY);
	write_header("1", SOME_ID, "abc");
	assert_int_equal(exit_code_of(open_it), EXIT_INTEGRITY);
}

/* The backups do not depend on nex_backup.json, and know the repository's id. */
static void
test_lost_header(void **state)
{
	Repository *repository = make_repository();
	BackupName name = publish(repository, "db", "20261123T020000Z");
	char *id = xstrdup(repository->id);
	Manifest *manifest;

	(void) state;
	repository_close(repository);
	assert_int_equal(unlink(header_path()), 0);
	assert_int_equal(exit_code_of(open_it), EXIT_INTEGRITY);
	assert_int_equal(exit_code_of(init_it), EXIT_DONE);
	repository = repository_open(repo());
	assert_string_equal(repository->id, id);
	manifest = repository_manifest(repository, &name);
	assert_non_null(manifest);
	manifest_free(manifest);
	repository_close(repository);
	free(id);
}

/* ---- backups ---- */

static void
test_list(void **state)
{
	Repository *repository = make_repository();
	BackupName *names;
	BackupName name;
	int count;

	(void) state;
	assert_true(repository_list(repository, NULL, &names, &count));
	assert_int_equal(count, 0);
	free(names);
	publish(repository, "b", "20261123T020000Z-10");
	publish(repository, "b", "20261123T020000Z-9");
	publish(repository, "b", "20261124T020000Z");
	publish(repository, "a/../b", "20261123T020000Z");
	publish(repository, "b.", "20261123T020000Z");

	/* Strangers are no backups. */
	write_text(scratch_path("repo/backups/b/notes.json"), "{}");
	write_text(scratch_path("repo/backups/b/20261125T020000Z.json.1-2-3.tmp"), "{}");
	write_text(scratch_path("repo/backups/b/20261125T020000Z.sha256"), "");
	assert_int_equal(mkdir(scratch_path("repo/backups/a.b"), 0700), 0);
	assert_true(repository_list(repository, NULL, &names, &count));
	assert_int_equal(count, 5);
	assert_string_equal(names[0].owner.name, "a/../b");
	assert_string_equal(names[1].id, "20261123T020000Z-9");
	assert_string_equal(names[2].id, "20261123T020000Z-10");
	assert_string_equal(names[3].id, "20261124T020000Z");
	assert_string_equal(names[4].owner.name, "b.");
	free(names);
	assert_true(repository_list(repository, owned("b"), &names, &count));
	assert_int_equal(count, 3);
	free(names);
	assert_true(repository_list(repository, owned("c"), &names, &count));
	assert_int_equal(count, 0);
	free(names);
	assert_true(repository_latest(repository, owned("b"), &name));
	assert_string_equal(name.id, "20261124T020000Z");
	assert_false(repository_latest(repository, owned("c"), &name));
	repository_close(repository);
}

static const char *resolve_text;

static void
resolve_it(void)
{
	Repository *repository = repository_open(repo());
	BackupName name;

	repository_resolve(repository, resolve_text, &name);
	repository_close(repository);
}

static void
test_resolve(void **state)
{
	static const char *const bad[] = {"",
									  "c",
									  "b/",
									  "b/20261123T020000Z-3",
									  "/20261123T020000Z",
									  "b/../b/20261123T020000Z",
									  "..",
									  "b//x",
									  "b/x.json"};
	Repository *repository = make_repository();
	char longest[300];
	BackupName name;
	size_t i;

	(void) state;
	publish(repository, "b", "20261123T020000Z");
	publish(repository, "b", "20261123T020000Z-2");
	publish(repository, "b/20261123T020000Z", "20261122T020000Z");
	assert_true(repository_resolve(repository, "b", &name));
	assert_string_equal(name.id, "20261123T020000Z-2");
	assert_true(repository_resolve(repository, "b/20261123T020000Z-2", &name));
	assert_string_equal(name.owner.name, "b");

	/* A database that is called like a backup is not taken for it, nor instead of one that is gone.
	 */
	assert_true(repository_resolve(repository, "b/20261123T020000Z", &name));
	assert_string_equal(name.owner.name, "b");
	assert_string_equal(name.id, "20261123T020000Z");
	assert_true(repository_resolve(repository, "b/20261123T020000Z/20261122T020000Z", &name));
	assert_string_equal(name.owner.name, "b/20261123T020000Z");
	assert_string_equal(name.id, "20261122T020000Z");
	publish(repository, "b/20261101T020000Z", "20261122T020000Z");
	publish(repository, "b/20261101T020000Z-2", "20261122T020000Z");
	publish(repository, "/20261101T020000Z", "20261122T020000Z");
	publish(repository, "b/c", "20261122T020000Z");
	assert_true(repository_resolve(repository, "b/c", &name));
	assert_string_equal(name.owner.name, "b/c");
	repository_close(repository);
	resolve_text = "b/20261101T020000Z";
	assert_int_equal(exit_code_of(resolve_it), EXIT_USAGE);
	resolve_text = "b/20261101T020000Z-2";
	assert_int_equal(exit_code_of(resolve_it), EXIT_USAGE);
	resolve_text = "/20261101T020000Z";
	assert_int_equal(exit_code_of(resolve_it), EXIT_FAILED);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
	{
		resolve_text = bad[i];
		assert_int_equal(exit_code_of(resolve_it), EXIT_FAILED);
	}
	memset(longest, 'x', sizeof(longest));
	longest[sizeof(longest) - 1] = '\0';
	resolve_text = longest;
	assert_int_equal(exit_code_of(resolve_it), EXIT_FAILED);
}

/* An error elsewhere before does not make a backup unfindable. */
static void
resolve_after_error(void)
{
	Repository *repository = repository_open(repo());
	BackupName name;

	report_error(EXIT_INTEGRITY, NULL, NULL, "an earlier error");
	if (!repository_resolve(repository, "b/20261123T020000Z", &name))
		_exit(99);
}

static void
test_resolve_after_error(void **state)
{
	Repository *repository = make_repository();

	(void) state;
	publish(repository, "b", "20261123T020000Z");
	repository_close(repository);
	assert_int_equal(exit_code_of(resolve_after_error), EXIT_INTEGRITY);
}

static void
test_new_id(void **state)
{
	Repository *repository = make_repository();
	char id[BACKUP_ID_SIZE];
	char next[BACKUP_ID_SIZE];
	int i;

	(void) state;
	assert_true(repository_new_id(repository, owned("b"), id));
	assert_true(backup_id_valid(id));
	for (i = 0; i < 12; i++)
	{
		publish(repository, "b", id);
		assert_true(repository_new_id(repository, owned("b"), next));
		assert_true(backup_id_compare(id, next) < 0);
		memcpy(id, next, sizeof(id));
	}
	repository_close(repository);
}

/* Every byte of the manifest and of its listing counts. */
static void
test_damaged_backup(void **state)
{
	static const char *const suffixes[] = {".json", ".sha256"};
	Repository *repository = make_repository();
	BackupName name = publish(repository, "b", "20261123T020000Z");
	Manifest *manifest;
	struct stat status;
	char *error;
	size_t i;
	off_t at;

	(void) state;
	for (i = 0; i < 2; i++)
	{
		assert_int_equal(stat(file_of(&name, suffixes[i]), &status), 0);
		for (at = 0; at < status.st_size; at++)
		{
			flip_byte(file_of(&name, suffixes[i]), at);
			manifest = repository_manifest_try(repository, &name, &error);
			assert_null(manifest);
			assert_non_null(strstr(error, suffixes[i]));
			free(error);
			flip_byte(file_of(&name, suffixes[i]), at);
		}
	}
	manifest = repository_manifest_try(repository, &name, &error);
	assert_non_null(manifest);
	assert_null(error);
	manifest_free(manifest);
	assert_int_equal(truncate(file_of(&name, ".json"), status.st_size - 1), 0);
	assert_null(repository_manifest_try(repository, &name, &error));
	free(error);
	assert_int_equal(unlink(file_of(&name, ".sha256")), 0);
	assert_null(repository_manifest_try(repository, &name, &error));
	free(error);
	repository_close(repository);
}

/* A manifest under another name would restore something else than was asked for. */
static void
test_moved_manifest(void **state)
{
	Repository *repository = make_repository();
	BackupName name = publish(repository, "b", "20261123T020000Z");
	BackupName other = publish(repository, "b", "20261124T020000Z");
	char *error;

	(void) state;
	assert_int_equal(rename(file_of(&name, ".json"), file_of(&other, ".json")), 0);
	assert_null(repository_manifest_try(repository, &other, &error));
	assert_non_null(strstr(error, "another backup"));
	free(error);
	repository_close(repository);
}

static void
test_remove_backup(void **state)
{
	Repository *repository = make_repository();
	BackupName name = publish(repository, "b", "20261123T020000Z");
	Verification verification;
	StoreInfo info;

	(void) state;
	repository_record_verification(repository, &name, "", true, true, NULL, NULL, 0);
	assert_true(repository_remove_backup(repository, &name));
	assert_false(file_exists(file_of(&name, ".json")));
	assert_false(file_exists(file_of(&name, ".sha256")));
	assert_false(file_exists(file_of(&name, ".verified")));
	assert_false(repository_latest(repository, owned("b"), &name));

	/* Once more, and one that never was: nothing to do. */
	assert_true(repository_remove_backup(repository, &name));
	name.owner = owner_of(NULL, "never");
	assert_true(repository_remove_backup(repository, &name));
	assert_true(repository_verification(repository, &name, &verification));
	assert_false(verification.known);
	assert_int_equal(repository->storage->head(repository->storage, "nex_backup.json", &info).code,
					 STORE_OK);
	repository_close(repository);
}

static BackupName verified_name;

static void
read_verification(void)
{
	Repository *repository = repository_open(repo());
	Verification verification;

	repository_verification(repository, &verified_name, &verification);
	repository_close(repository);
}

static void
test_verification(void **state)
{
	static const char *const bad[] = {"objects/ab/\"quoted\"", "a\xff"};
	Repository *repository = make_repository();
	Verification verification;
	struct stat status;
	off_t at;

	(void) state;
	verified_name = publish(repository, "b", "20261123T020000Z");
	assert_true(repository_verification(repository, &verified_name, &verification));
	assert_false(verification.known);
	repository_record_verification(repository, &verified_name, "", false, true, NULL, bad, 2);
	assert_true(repository_verification(repository, &verified_name, &verification));
	assert_true(verification.known && !verification.ok);
	repository_record_verification(repository, &verified_name, "", true, false, NULL, NULL, 0);
	assert_true(repository_verification(repository, &verified_name, &verification));
	assert_true(verification.known && !verification.ok && verification.inside);
	repository_record_verification(repository, &verified_name, "", true, true, NULL, NULL, 0);
	assert_true(repository_verification(repository, &verified_name, &verification));
	assert_true(verification.known && verification.ok);
	assert_int_equal(strlen(verification.time), 20);
	assert_int_equal(stat(file_of(&verified_name, ".verified"), &status), 0);
	for (at = 0; at < status.st_size; at += 11)
	{
		flip_byte(file_of(&verified_name, ".verified"), at);
		assert_int_equal(exit_code_of(read_verification), EXIT_INTEGRITY);
		flip_byte(file_of(&verified_name, ".verified"), at);
	}
	repository_close(repository);
}

/* ---- locks ---- */

static void
lock_backup(void)
{
	Repository *repository = repository_open(repo());
	StoreLock *handle;

	repository_lock_backup(repository, owned("b"), &handle);
}

static void
lock_other_backup(void)
{
	Repository *repository = repository_open(repo());
	StoreLock *handle;

	if (!repository_lock_backup(repository, owned("it's \"b\"/.."), &handle))
		_exit(99);
}

static void
lock_shared(void)
{
	repository_lock_shared(repository_open(repo()));
}

/* Whoever must stop does not wait. */
static void
lock_shared_at_once(void)
{
	stop_request();
	lock_shared();
}

static void
lock_exclusive(void)
{
	StoreLock *handle;

	if (repository_lock_exclusive(repository_open(repo()), &handle).code == STORE_BUSY)
		_exit(99);
}

static void
test_locks(void **state)
{
	Repository *repository = make_repository();
	StoreLock *backup;
	StoreLock *exclusive;

	(void) state;
	assert_true(repository_lock_backup(repository, owned("b"), &backup));
	assert_int_equal(exit_code_of(lock_backup), EXIT_LOCKED);
	assert_int_equal(exit_code_of(lock_other_backup), EXIT_DONE);
	repository_unlock(repository, backup);
	assert_int_equal(exit_code_of(lock_backup), EXIT_DONE);

	assert_true(repository_lock_shared(repository));
	assert_int_equal(exit_code_of(lock_shared), EXIT_DONE);
	assert_int_equal(exit_code_of(lock_exclusive), 99);
	repository_close(repository);
	assert_int_equal(exit_code_of(lock_exclusive), EXIT_DONE);

	repository = repository_open(repo());
	assert_int_equal(repository_lock_exclusive(repository, &exclusive).code, STORE_OK);
	assert_int_equal(exit_code_of(lock_shared_at_once), EXIT_LOCKED);
	assert_int_equal(exit_code_of(lock_exclusive), 99);
	repository_unlock(repository, exclusive);
	repository_close(repository);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, scratch_create, scratch_destroy)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_init),
		TEST(test_init_refuses_foreign_directory),
		TEST(test_init_after_killed_init),
		TEST(test_no_repository),
		TEST(test_damaged_header),
		TEST(test_damaged_recover_text),
		TEST(test_outdated_recover_text),
		TEST(test_bad_header_values),
		TEST(test_lost_header),
		TEST(test_list),
		TEST(test_resolve),
		TEST(test_resolve_after_error),
		TEST(test_new_id),
		TEST(test_damaged_backup),
		TEST(test_moved_manifest),
		TEST(test_remove_backup),
		TEST(test_verification),
		TEST(test_locks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
