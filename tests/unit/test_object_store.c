/*-------------------------------------------------------------------------
 *
 * test_object_store.c
 *	  Objects: stored once, trusted only for a reason, mended when damaged.
 *
 *-------------------------------------------------------------------------
 */
#include "recording_storage.h"

#include <errno.h>
#include <pthread.h>

#include "log.h"
#include "memory.h"
#include "object_store.h"
#include "posix_result.h"

static Repository *
open_repository(void)
{
	Repository *repository;
	bool created;

	assert_true(repository_init(scratch_path("repo"), &created));
	repository = repository_open(scratch_path("repo"));
	assert_non_null(repository);
	return repository;
}

/* A manifest that names one object. */
static Manifest *
manifest_of(const ManifestObject *object, Codec codec)
{
	Manifest *manifest = manifest_create();

	manifest->codec = codec;
	manifest_add_object(manifest, object);
	return manifest;
}

static char *
path_of(const ManifestObject *object, Codec codec)
{
	Manifest *manifest = manifest_of(object, codec);
	char *relative = manifest_object_path(manifest, 0);
	char *path = xasprintf("%s/repo/%s", scratch, relative);

	free(relative);
	manifest_free(manifest);
	return path;
}

static void
store_one(Repository *repository, Codec codec, const Manifest *previous, const char *content,
		  ManifestObject *object, uint64_t expected_new)
{
	ObjectStore *store = object_store_create(repository, "", codec, previous);

	assert_true(object_store_put(store, content, strlen(content), object));
	assert_true(object_store_barrier(store, 2));
	assert_int_equal(object_store_new_objects(store), expected_new);
	assert_int_equal(object_store_new_bytes(store), expected_new * strlen(content));
	object_store_free(store);
}

static void
assert_file(const char *path, const char *content)
{
	char found[100] = "";
	FILE *file = fopen(path, "rb");

	assert_non_null(file);
	assert_int_equal(fread(found, 1, sizeof(found) - 1, file), strlen(content));
	assert_string_equal(found, content);
	fclose(file);
}

static ino_t
inode_of(const char *path)
{
	struct stat status;

	assert_int_equal(stat(path, &status), 0);
	return status.st_ino;
}

static void
test_name_is_digest(void **state)
{
	static const char abc[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
	Repository *repository = open_repository();
	ManifestObject object;
	char *path;

	(void) state;
	store_one(repository, CODEC_GZIP, NULL, "abc", &object, 1);
	assert_string_equal(object.id, abc);
	assert_int_equal(object.bytes, 3);
	path = path_of(&object, CODEC_GZIP);
	assert_non_null(strstr(path, "/repo/objects/ba/ba7816bf"));
	assert_non_null(strstr(path, "15ad.sql.gz"));
	assert_file(path, "abc");
	free(path);
	repository_close(repository);
}

static void
test_same_content_twice(void **state)
{
	Repository *repository = open_repository();
	ObjectStore *store = object_store_create(repository, "", CODEC_ZSTD, NULL);
	ManifestObject one;
	ManifestObject two;
	Manifest *previous;

	(void) state;
	assert_true(object_store_put(store, "same", 4, &one));
	assert_true(object_store_put(store, "same", 4, &two));
	assert_string_equal(one.id, two.id);
	assert_int_equal(two.bytes, 4);
	assert_int_equal(object_store_new_objects(store), 1);
	assert_int_equal(object_store_new_bytes(store), 4);
	assert_true(object_store_barrier(store, 1));
	object_store_free(store);

	/* Nor by the next backup, if a manifest vouches for it. */
	previous = manifest_of(&one, CODEC_ZSTD);
	store_one(repository, CODEC_ZSTD, previous, "same", &two, 0);
	store_one(repository, CODEC_ZSTD, NULL, "same", &two, 1);
	manifest_free(previous);
	repository_close(repository);
}

/* Another codec is another file, though the bytes be the same. */
static void
test_other_codec(void **state)
{
	Repository *repository = open_repository();
	ManifestObject object;
	Manifest *previous;
	char *path;

	(void) state;
	store_one(repository, CODEC_ZSTD, NULL, "same", &object, 1);
	previous = manifest_of(&object, CODEC_ZSTD);
	store_one(repository, CODEC_NONE, previous, "same", &object, 1);
	path = path_of(&object, CODEC_NONE);
	assert_file(path, "same");
	free(path);
	manifest_free(previous);
	repository_close(repository);
}

/* The leftover of a crash: right length, wrong bytes. */
static void
test_damaged_is_mended(void **state)
{
	Repository *repository = open_repository();
	ManifestObject object;
	char *path;

	(void) state;
	store_one(repository, CODEC_ZSTD, NULL, "content", &object, 1);
	path = path_of(&object, CODEC_ZSTD);
	flip_byte(path, 3);
	store_one(repository, CODEC_ZSTD, NULL, "content", &object, 1);
	assert_file(path, "content");
	free(path);
	repository_close(repository);
}

/* A wrong length is seen even if the previous manifest vouches for the object. */
static void
test_truncated_is_mended(void **state)
{
	Repository *repository = open_repository();
	ManifestObject object;
	Manifest *previous;
	char *path;

	(void) state;
	store_one(repository, CODEC_ZSTD, NULL, "content", &object, 1);
	previous = manifest_of(&object, CODEC_ZSTD);
	path = path_of(&object, CODEC_ZSTD);
	assert_int_equal(truncate(path, 6), 0);
	store_one(repository, CODEC_ZSTD, previous, "content", &object, 1);
	assert_file(path, "content");
	assert_int_equal(unlink(path), 0);
	store_one(repository, CODEC_ZSTD, previous, "content", &object, 1);
	assert_file(path, "content");
	free(path);
	manifest_free(previous);
	repository_close(repository);
}

/* What the previous manifest names with this length is not read again. */
static void
test_previous_is_trusted(void **state)
{
	Repository *repository = open_repository();
	ManifestObject object;
	Manifest *previous;
	ino_t before;
	char *path;

	(void) state;
	store_one(repository, CODEC_ZSTD, NULL, "content", &object, 1);
	previous = manifest_of(&object, CODEC_ZSTD);
	path = path_of(&object, CODEC_ZSTD);
	flip_byte(path, 0);
	before = inode_of(path);
	store_one(repository, CODEC_ZSTD, previous, "content", &object, 0);
	assert_true(inode_of(path) == before);

	/* But not if it names it with another length. */
	previous->objects[0].bytes++;
	store_one(repository, CODEC_ZSTD, previous, "content", &object, 1);
	assert_file(path, "content");
	free(path);
	manifest_free(previous);
	repository_close(repository);
}

/* How many calls of an operation were recorded. */
static int
calls_of(char operation)
{
	int count = 0;
	int i;

	for (i = 0; i < recording.count; i++)
		count += recording.calls[i][0] == operation;
	return count;
}

/* Store ten objects, after a manifest that names them, with a listing that fails or not. */
static void
store_again(bool fails, bool afterwards, int expected_new)
{
	Repository *repository = repository_open(scratch_path("repo"));
	ObjectStore *store = object_store_create(repository, "", CODEC_ZSTD, NULL);
	Manifest *previous = manifest_create();
	ManifestObject object;
	char content[32];
	int i;

	previous->codec = CODEC_ZSTD;
	for (i = 0; i < 10; i++)
	{
		snprintf(content, sizeof(content), "object %d", i);
		assert_true(object_store_put(store, content, strlen(content), &object));
		manifest_add_object(previous, &object);
	}
	assert_true(object_store_barrier(store, 1));
	object_store_free(store);
	recording_begin(repository);
	if (fails)
		recording_fail("T", "objects", EIO, afterwards);
	store = object_store_create(repository, "", CODEC_ZSTD, previous);
	for (i = 0; i < 10; i++)
	{
		snprintf(content, sizeof(content), "object %d", i);
		assert_true(object_store_put(store, content, strlen(content), &object));
	}
	assert_int_equal(object_store_new_objects(store), expected_new);
	assert_int_equal(calls_of('T'), 1);
	assert_int_equal(calls_of('S') + calls_of('P') + calls_of('G'), 0);
	assert_int_equal(calls_of('N'), expected_new);
	assert_int_equal(calls_of('W'), expected_new);
	object_store_free(store);
	manifest_free(previous);
	repository_close(repository);
}

/* What is unchanged costs one listing, however much it is, and none of it is asked for. */
static void
test_one_listing(void **state)
{
	(void) state;
	repository_close(open_repository());
	store_again(false, false, 0);
}

/* What a listing did not show is stored again. */
static void
test_listing_fails(void **state)
{
	(void) state;
	repository_close(open_repository());
	store_again(true, false, 10);
	store_again(true, true, 0);
}

#define THREADS 4
#define OBJECTS 200

static void *
put_many(void *argument)
{
	ManifestObject object;
	char content[64];
	int i;

	for (i = 0; i < OBJECTS; i++)
	{
		snprintf(content, sizeof(content), "object number %d", i);
		if (!object_store_put(argument, content, strlen(content), &object))
			return argument;
	}
	return NULL;
}

/* All threads bring the same objects at about the same time. */
static void
test_threads(void **state)
{
	Repository *repository = open_repository();
	ObjectStore *store = object_store_create(repository, "", CODEC_NONE, NULL);
	pthread_t threads[THREADS];
	void *failed;
	int i;

	(void) state;
	for (i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, put_many, store), 0);
	for (i = 0; i < THREADS; i++)
	{
		assert_int_equal(pthread_join(threads[i], &failed), 0);
		assert_null(failed);
	}
	assert_true(object_store_barrier(store, THREADS));
	assert_int_equal(object_store_new_objects(store), OBJECTS);
	object_store_free(store);
	repository_close(repository);
}

/* ---- failing storage ---- */

static StoreResult (*real_barrier)(Storage *storage, char *const *paths, size_t count, int threads,
								   char **failed);
static int barriers;

static StoreResult
failing_barrier(Storage *storage, char *const *paths, size_t count, int threads, char **failed)
{
	(void) storage;
	(void) paths;
	(void) count;
	(void) threads;
	*failed = xstrdup("objects/x");
	barriers++;
	return posix_sync_result(EIO);
}

static StoreResult (*real_put)(Storage *storage, const char *path, const void *content,
							   uint64_t length, const PutOptions *options);
static int durable_puts;
static Repository *repository_of_test;

static StoreResult
counting_put(Storage *storage, const char *path, const void *content, uint64_t length,
			 const PutOptions *options)
{
	durable_puts += !options->later;
	return real_put(storage, path, content, length, options);
}

static StoreResult
failing_put(Storage *storage, const char *path, const void *content, uint64_t length,
			const PutOptions *options)
{
	(void) storage;
	(void) path;
	(void) content;
	(void) length;
	(void) options;
	return posix_write_result(ENOSPC);
}

/*
 * After a failed fsync the file looks good in memory, and the next fsync
 * succeeds.  So the next backup, and every one after it until a manifest
 * vouches for the file, writes it again, durably, and not over what is there.
 */
static void
test_failed_fsync(void **state)
{
	Repository *repository = open_repository();
	ObjectStore *store = object_store_create(repository, "", CODEC_ZSTD, NULL);
	ManifestObject object;
	ino_t before;
	char *path;
	int i;

	(void) state;
	assert_true(object_store_put(store, "lost", 4, &object));
	assert_true(object_store_put(store, "lost, too", 9, &object));
	path = path_of(&object, CODEC_ZSTD);
	real_barrier = repository->storage->barrier;
	repository->storage->barrier = failing_barrier;
	barriers = 0;
	assert_false(object_store_barrier(store, 1));
	assert_int_equal(barriers, 1);
	repository->storage->barrier = real_barrier;

	/* The second call would only say that all is well. */
	assert_false(object_store_barrier(store, 1));
	object_store_free(store);

	real_put = repository->storage->put;
	repository->storage->put = counting_put;
	for (i = 1; i <= 3; i++)
	{
		before = inode_of(path);
		durable_puts = 0;
		store = object_store_create(repository, "", CODEC_ZSTD, NULL);
		assert_true(object_store_put(store, "lost, too", 9, &object));
		assert_int_equal(durable_puts, 1);
		assert_true(object_store_barrier(store, 1));
		assert_true(inode_of(path) != before);
		object_store_free(store);
	}

	/* If that fails, what was there before stays: another backup may rest on it. */
	repository->storage->put = failing_put;
	store = object_store_create(repository, "", CODEC_ZSTD, NULL);
	assert_false(object_store_put(store, "lost, too", 9, &object));
	object_store_free(store);
	assert_file(path, "lost, too");
	free(path);
	repository_close(repository);
}

/* What another backup made durable after we looked is not replaced by what is not. */
static StoreResult
put_after_another(Storage *storage, const char *path, const void *content, uint64_t length,
				  const PutOptions *options)
{
	static const PutOptions durable = {.mode = PUT_REPLACE};

	repository_of_test->storage->put = counting_put;
	assert_int_equal(real_put(storage, path, content, length, &durable).code, STORE_OK);
	return counting_put(storage, path, content, length, options);
}

static void
test_two_backups_of_one_object(void **state)
{
	Repository *repository = open_repository();
	ManifestObject object;

	(void) state;
	repository_of_test = repository;
	real_put = repository->storage->put;
	repository->storage->put = put_after_another;
	durable_puts = 0;
	store_one(repository, CODEC_ZSTD, NULL, "same", &object, 1);
	assert_int_equal(durable_puts, 1);
	repository_close(repository);
}

static void
put_on_full_disk(void)
{
	Repository *repository = repository_open(scratch_path("repo"));
	ObjectStore *store = object_store_create(repository, "", CODEC_ZSTD, NULL);
	ManifestObject object;

	repository->storage->put = failing_put;
	if (object_store_put(store, "content", 7, &object))
		_exit(99);
}

static void
test_full_disk(void **state)
{
	(void) state;
	repository_close(open_repository());
	assert_int_equal(exit_code_of(put_on_full_disk), EXIT_FAILED);
	assert_non_null(strstr(posix_write_result(ENOSPC).hint, "expire"));
	assert_non_null(posix_write_result(EROFS).hint);
	assert_null(posix_write_result(EIO).hint);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, scratch_create, scratch_destroy)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_name_is_digest),
		TEST(test_same_content_twice),
		TEST(test_other_codec),
		TEST(test_damaged_is_mended),
		TEST(test_truncated_is_mended),
		TEST(test_previous_is_trusted),
		TEST(test_one_listing),
		TEST(test_listing_fails),
		TEST(test_threads),
		TEST(test_failed_fsync),
		TEST(test_two_backups_of_one_object),
		TEST(test_full_disk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
