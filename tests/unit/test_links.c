/*-------------------------------------------------------------------------
 *
 * test_links.c
 *	  Whoever may write into a repository leads nothing out of it: links in
 *	  the place of each part of a path, swapped in at any moment, hard links,
 *	  pipes.  All with openat2() and without.
 *
 *-------------------------------------------------------------------------
 */
#include "scratch.h"

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>

#include "beneath.h"
#include "storage_calls.h"

/*
 * In place of the C library's: nobody but root can make a link that belongs
 * to somebody else, so we pretend to be, or links to be of, another user.
 */
static uid_t other_user;
static uid_t other_owner;

uid_t
geteuid(void)
{
	return getuid() + other_user;
}

int
fstat64(int fd, struct stat64 *status)
{
	int result = fstatat64(fd, "", status, AT_EMPTY_PATH);

	if (result == 0 && S_ISLNK(status->st_mode))
		status->st_uid += other_owner;
	return result;
}

static Storage *
open_repository(void)
{
	StoreResult result;
	Storage *storage = posix_storage_open(scratch_path("repo"), false, &result);

	assert_non_null(storage);
	return storage;
}

static void
put(const char *name, const char *text)
{
	FILE *file = fopen(scratch_path(name), "w");

	assert_non_null(file);
	fputs(text, file);
	assert_int_equal(fclose(file), 0);
}

static void
make(const char *name)
{
	assert_int_equal(mkdir(scratch_path(name), 0700), 0);
}

static void
assert_file(const char *name, const char *text)
{
	char found[100] = "";
	FILE *file = fopen(scratch_path(name), "r");

	assert_non_null(file);
	assert_non_null(fgets(found, sizeof(found), file));
	fclose(file);
	assert_string_equal(found, text);
}

/* Names in a directory, but for . and .. */
static int
names_in(const char *name)
{
	int count = 0;
	DIR *directory = opendir(scratch_path(name));

	assert_non_null(directory);
	while (readdir(directory) != NULL)
		count++;
	closedir(directory);
	return count - 2;
}

static bool
count_name(const char *name, void *argument)
{
	(void) name;
	(*(int *) argument)++;
	return true;
}

/* A repository with one object, and a directory that is not its business. */
static void
make_places(void)
{
	make("victim");
	make("victim/ab");
	put("victim/file", "foreign");
	put("victim/ab/file", "foreign");
	make("repo");
	make("repo/objects");
	make("repo/objects/ab");
	put("repo/objects/ab/file", "ours");
}

/* No operation gets through this path, and nothing happens to the victim. */
static void
assert_closed(const char *directory, const char *file)
{
	Storage *storage = open_repository();
	char below[200];
	StoreInfo info;
	char byte[4];
	int count = 0;
	StoreLock *handle;
	Buffer content;

	buffer_init(&content);
	snprintf(below, sizeof(below), "%s/new/file", directory);
	assert_int_equal(storage_read(storage, file, 1000, &content).code, STORE_UNSUPPORTED);
	assert_int_equal(storage_read_range(storage, file, 0, 4, byte).code, STORE_UNSUPPORTED);
	assert_int_equal(storage->head(storage, file, &info).code, STORE_UNSUPPORTED);
	assert_int_equal(storage_write(storage, file, "mine", 4).code, STORE_UNSUPPORTED);
	assert_int_equal(storage->put(storage, below, "mine", 4, &create_later).code,
					 STORE_UNSUPPORTED);
	assert_int_equal(barrier_of(storage, file), STORE_UNSUPPORTED);
	assert_int_equal(storage_remove(storage, file, false).code, STORE_UNSUPPORTED);
	assert_int_equal(storage->list(storage, directory, count_name, &count).code, STORE_UNSUPPORTED);
	assert_int_equal(storage->lock(storage, file, LOCK_EXCLUSIVE, &handle).code, STORE_UNSUPPORTED);
	assert_int_equal(storage->lock(storage, below, LOCK_EXCLUSIVE, &handle).code,
					 STORE_UNSUPPORTED);
	assert_int_equal(count, 0);
	buffer_free(&content);
	storage->close(storage);
	assert_file("victim/file", "foreign");
	assert_file("victim/ab/file", "foreign");
	assert_int_equal(names_in("victim"), 2);
	assert_int_equal(names_in("victim/ab"), 1);
}

static void
test_each_part(void **state)
{
	(void) state;
	make_places();
	make("repo/backups");
	make("repo/objects/cd");
	assert_int_equal(symlink("../../victim", scratch_path("repo/objects/ef")), 0);
	assert_closed("objects/ef", "objects/ef/file");
	assert_int_equal(symlink(scratch_path("victim"), scratch_path("repo/backups/db")), 0);
	assert_closed("backups/db", "backups/db/file");
	assert_closed("backups/db/ab", "backups/db/ab/file");
	/* One that leads to a place inside is none that the tool has made, either. */
	assert_int_equal(symlink("ab", scratch_path("repo/objects/12")), 0);
	assert_closed("objects/12", "objects/12/file");
}

/* The path itself leads nowhere else: names come from manifests. */
static void
test_upward(void **state)
{
	static const char *const paths[] = {"../victim/file", "objects/../../victim/file",
										"objects/ab/../../../victim/file"};
	Buffer content;
	Storage *storage;
	size_t i;

	(void) state;
	make_places();
	storage = open_repository();
	buffer_init(&content);
	for (i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
	{
		assert_int_equal(storage_read(storage, paths[i], 1000, &content).code, STORE_DENIED);
		assert_int_not_equal(storage->put(storage, paths[i], "mine", 4, &create_later).code,
							 STORE_OK);
		assert_int_not_equal(storage_remove(storage, paths[i], false).code, STORE_OK);
	}
	assert_int_not_equal(storage_read(storage, scratch_path("victim/file"), 1000, &content).code,
						 STORE_OK);
	assert_file("victim/file", "foreign");
	buffer_free(&content);
	storage->close(storage);
}

/* A link of ours at the top level leads to another disk, and all works there. */
static void
test_own_link_at_the_top(void **state)
{
	Storage *storage;
	Buffer content;
	StoreInfo info;
	int count = 0;
	StoreLock *handle;

	(void) state;
	make("repo");
	make("disk");
	assert_int_equal(symlink("../disk", scratch_path("repo/objects")), 0);
	storage = open_repository();
	assert_int_equal(storage_write(storage, "objects/ab/file", "content", 7).code, STORE_OK);
	assert_file("disk/ab/file", "content");
	assert_int_equal(storage->head(storage, "objects/ab/file", &info).code, STORE_OK);
	assert_int_equal(storage->list(storage, "objects", count_name, &count).code, STORE_OK);
	assert_int_equal(storage->list(storage, "objects/", count_name, &count).code, STORE_OK);
	assert_int_equal(storage->list(storage, ".", count_name, &count).code, STORE_OK);
	assert_int_equal(count, 3);
	assert_int_equal(barrier_of(storage, "objects/ab/file"), STORE_OK);
	assert_int_equal(barrier_of(storage, "objects/"), STORE_OK);
	assert_int_equal(storage->lock(storage, "objects/ab/lock", LOCK_EXCLUSIVE, &handle).code,
					 STORE_OK);
	storage->unlock(storage, handle);
	assert_int_equal(storage_remove(storage, "objects/ab/lock", false).code, STORE_OK);

	/* But no link below it. */
	make("victim");
	put("victim/file", "foreign");
	assert_int_equal(symlink("../victim", scratch_path("disk/ef")), 0);
	buffer_init(&content);
	assert_int_equal(storage_read(storage, "objects/ef/file", 1000, &content).code,
					 STORE_UNSUPPORTED);
	assert_int_equal(storage_remove(storage, "objects/ef/file", false).code, STORE_UNSUPPORTED);
	assert_file("victim/file", "foreign");

	/* Nor where the link leads by now: it was resolved once. */
	assert_int_equal(unlink(scratch_path("repo/objects")), 0);
	assert_int_equal(symlink("../victim", scratch_path("repo/objects")), 0);
	assert_int_equal(storage_remove(storage, "objects/file", false).code, STORE_ABSENT);
	assert_int_equal(storage_remove(storage, "objects/ab/file", false).code, STORE_OK);
	assert_file("victim/file", "foreign");
	buffer_free(&content);
	storage->close(storage);
}

/* Reading only behind such a link: 0.2.0 followed it, and backups may lie there. */
static void
assert_read_only(void)
{
	Storage *storage = open_repository();
	StoreInfo info;
	char part[5] = "";

	assert_int_equal(storage_read_range(storage, "objects/ab/file", 0, 4, part).code, STORE_OK);
	assert_string_equal(part, "ours");
	assert_int_equal(storage->head(storage, "objects/ab/file", &info).code, STORE_OK);
	assert_int_equal(storage_remove(storage, "objects/ab/file", false).code, STORE_UNSUPPORTED);
	assert_int_equal(storage->put(storage, "objects/ab/file", "mine", 4, &create_later).code,
					 STORE_UNSUPPORTED);
	assert_int_equal(storage->put(storage, "objects/cd/file", "mine", 4, &create_later).code,
					 STORE_UNSUPPORTED);
	storage->close(storage);
}

static void
test_link_into_another_repository(void **state)
{
	(void) state;
	make("other");
	make("other/objects");
	make("other/objects/ab");
	put("other/objects/ab/file", "ours");
	put("other/nex_backup.json", "{}");
	make("repo");
	put("repo/nex_backup.json", "{}");
	assert_int_equal(symlink("../other/objects", scratch_path("repo/objects")), 0);
	assert_read_only();
	assert_int_equal(names_in("other/objects"), 1);
	assert_int_equal(names_in("other/objects/ab"), 1);
}

/* Links of the repository's owner, who is not ourselves, and of somebody else. */
static void
test_links_of_others(void **state)
{
	Storage *storage;
	Buffer content;

	(void) state;
	make("disk");
	make("disk/ab");
	put("disk/ab/file", "ours");
	make("repo");
	assert_int_equal(symlink("../disk", scratch_path("repo/objects")), 0);
	other_user = 17;
	if (getuid() != 0)
		assert_read_only();
	other_user = 0;
	other_owner = 17;
	storage = open_repository();
	buffer_init(&content);
	assert_int_equal(storage_read(storage, "objects/ab/file", 1000, &content).code,
					 STORE_UNSUPPORTED);
	assert_int_equal(storage_remove(storage, "objects/ab/file", false).code, STORE_UNSUPPORTED);
	storage->close(storage);
	buffer_free(&content);
	assert_file("disk/ab/file", "ours");
	other_owner = 0;
}

/* The victim has a directory, and ours has none. */
static bool
count_foreign(const char *name, void *argument)
{
	*(int *) argument += strcmp(name, "ab/") == 0;
	return true;
}

static atomic_bool swapping;

static void *
swap(void *argument)
{
	(void) argument;
	while (atomic_load(&swapping))
		renameat2(AT_FDCWD, scratch_path("repo/objects/ab"), AT_FDCWD,
				  scratch_path("repo/objects/xx"), RENAME_EXCHANGE);
	return NULL;
}

/* Between any check and any use, a directory becomes a link and is a directory again. */
static void
test_swapped(void **state)
{
	Storage *storage;
	pthread_t thread;
	int through = 0;
	int i;

	(void) state;
	make_places();
	assert_int_equal(symlink(scratch_path("victim"), scratch_path("repo/objects/xx")), 0);
	storage = open_repository();
	atomic_store(&swapping, true);
	assert_int_equal(pthread_create(&thread, NULL, swap, NULL), 0);
	for (i = 0; i < 20000; i++)
	{
		Buffer content;
		int count = 0;

		buffer_init(&content);
		storage_remove(storage, "objects/ab/file", false);
		through += storage_write(storage, "objects/ab/mine", "mine", 4).code == STORE_OK;
		if (storage_read(storage, "objects/ab/mine", 1000, &content).code == STORE_OK)
			assert_string_equal(content.data, "mine");
		storage->list(storage, "objects/ab", count_foreign, &count);
		assert_int_equal(count, 0);
		buffer_free(&content);
	}
	atomic_store(&swapping, false);
	pthread_join(thread, NULL);
	storage->close(storage);
	assert_file("victim/file", "foreign");
	assert_file("victim/ab/file", "foreign");
	assert_int_equal(names_in("victim"), 2);
	/* Both happened, or nothing was tried. */
	assert_in_range(through, 1, 19999);
}

/* A second name of a foreign file loses that name, or gets another file. */
static void
test_hard_links(void **state)
{
	Storage *storage;
	StoreLock *handle;

	(void) state;
	make_places();
	assert_int_equal(link(scratch_path("victim/file"), scratch_path("repo/objects/ab/one")), 0);
	assert_int_equal(link(scratch_path("victim/file"), scratch_path("repo/objects/ab/two")), 0);
	storage = open_repository();
	assert_int_equal(storage_write(storage, "objects/ab/one", "mine", 4).code, STORE_OK);
	assert_int_equal(storage->lock(storage, "objects/ab/two", LOCK_EXCLUSIVE, &handle).code,
					 STORE_OK);
	storage->unlock(storage, handle);
	assert_int_equal(storage_remove(storage, "objects/ab/two", false).code, STORE_OK);
	assert_file("victim/file", "foreign");
	assert_file("repo/objects/ab/one", "mine");
	storage->close(storage);
}

/* What is no regular file is no lock and no content, and nobody waits for its other end. */
static void
test_pipes(void **state)
{
	Storage *storage;
	Buffer content;
	StoreLock *handle;
	int count = 0;

	(void) state;
	make_places();
	assert_int_equal(mkfifo(scratch_path("repo/objects/ab/pipe"), 0600), 0);
	storage = open_repository();
	buffer_init(&content);
	alarm(20);
	assert_int_equal(storage_read(storage, "objects/ab/pipe", 1000, &content).code, STORE_DAMAGED);
	assert_int_not_equal(storage->lock(storage, "objects/ab/pipe", LOCK_EXCLUSIVE, &handle).code,
						 STORE_OK);
	assert_int_not_equal(storage->list(storage, "objects/ab/pipe", count_name, &count).code,
						 STORE_OK);
	(void) barrier_of(storage, "objects/ab/pipe");
	assert_int_equal(storage_write(storage, "objects/ab/pipe", "mine", 4).code, STORE_OK);
	alarm(0);
	assert_file("repo/objects/ab/pipe", "mine");
	buffer_free(&content);
	storage->close(storage);
}

static int
create_walking(void **state)
{
	beneath_walks = true;
	return scratch_create(state);
}

static int
destroy_walking(void **state)
{
	beneath_walks = false;
	return scratch_destroy(state);
}

#define TEST(function)                                                                             \
	cmocka_unit_test_setup_teardown(function, scratch_create, scratch_destroy),                    \
	{                                                                                              \
#function " part by part", function, create_walking, destroy_walking, NULL                 \
	}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_each_part),           TEST(test_upward),
		TEST(test_own_link_at_the_top), TEST(test_link_into_another_repository),
		TEST(test_links_of_others),     TEST(test_swapped),
		TEST(test_hard_links),          TEST(test_pipes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
