/*-------------------------------------------------------------------------
 *
 * test_storage.c
 *	  The directory storage: atomic writes, exact reads, locks between
 *	  processes, a full disk.
 *
 *-------------------------------------------------------------------------
 */
#include "scratch.h"

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/resource.h>

#include "storage_calls.h"

static Storage *
open_scratch(void)
{
	StoreResult result;
	Storage *storage = posix_storage_open(scratch, false, &result);

	assert_non_null(storage);
	return storage;
}

static mode_t
mode_of(const char *name)
{
	struct stat status;

	assert_int_equal(stat(scratch_path(name), &status), 0);
	return status.st_mode & 07777;
}

static bool
count_name(const char *name, void *argument)
{
	(void) name;
	(*(int *) argument)++;
	return true;
}

static int
count_names(Storage *storage, const char *path)
{
	int count = 0;

	assert_int_equal(storage->list(storage, path, count_name, &count).code, STORE_OK);
	return count;
}

static void
assert_content(Storage *storage, const char *path, const char *expected)
{
	Buffer content;

	buffer_init(&content);
	assert_int_equal(storage_read(storage, path, 1000, &content).code, STORE_OK);
	assert_int_equal(content.length, strlen(expected));
	assert_string_equal(content.data, expected);
	buffer_free(&content);
}

static void
test_write_and_read(void **state)
{
	Storage *storage = open_scratch();
	Buffer content;
	StoreInfo info;
	char part[4];

	(void) state;
	umask(0);
	assert_int_equal(storage_write(storage, "a/b/file", "0123456789", 10).code, STORE_OK);
	assert_int_equal(mode_of("a"), 0700);
	assert_int_equal(mode_of("a/b"), 0700);
	assert_int_equal(mode_of("a/b/file"), 0600);
	assert_content(storage, "a/b/file", "0123456789");
	assert_int_equal(storage->head(storage, "a/b/file", &info).code, STORE_OK);
	assert_int_equal(info.bytes, 10);

	/* A part; the end; nothing at the end; beyond it. */
	assert_int_equal(storage_read_range(storage, "a/b/file", 2, 4, part).code, STORE_OK);
	assert_memory_equal(part, "2345", 4);
	assert_int_equal(storage_read_range(storage, "a/b/file", 6, 4, part).code, STORE_OK);
	assert_int_equal(storage_read_range(storage, "a/b/file", 10, 0, part).code, STORE_OK);
	assert_int_equal(storage_read_range(storage, "a/b/file", 7, 4, part).code, STORE_DAMAGED);
	assert_int_equal(storage_read_range(storage, "a/b/file", 11, 0, part).code, STORE_DAMAGED);
	assert_int_equal(storage_read_range(storage, "a/b/file", UINT64_MAX, 2, part).code,
					 STORE_DAMAGED);

	buffer_init(&content);
	assert_int_equal(storage_read(storage, "a/b/file", 9, &content).code, STORE_DAMAGED);
	buffer_free(&content);
	storage->close(storage);
}

/* Replaced in one go if that is wanted, and nothing left beside it. */
static void
test_replace(void **state)
{
	Storage *storage = open_scratch();

	(void) state;
	assert_int_equal(storage->put(storage, "d/file", "old", 3, &create_later).code, STORE_OK);
	assert_int_equal(storage->put(storage, "d/file", "newer", 5, &create_later).code, STORE_EXISTS);
	assert_content(storage, "d/file", "old");
	assert_int_equal(storage_write(storage, "d/file", "newer", 5).code, STORE_OK);
	assert_content(storage, "d/file", "newer");
	assert_int_equal(storage_write(storage, "d/file", "", 0).code, STORE_OK);
	assert_content(storage, "d/file", "");
	assert_int_equal(count_names(storage, "d"), 1);
	assert_int_equal(barrier_of(storage, "d/file"), STORE_OK);
	assert_int_equal(barrier_of(storage, "d/"), STORE_OK);
	storage->close(storage);
}

static void
test_absent(void **state)
{
	Storage *storage = open_scratch();
	Buffer content;
	StoreInfo info;
	char byte;
	int count = 0;
	StoreResult result;

	(void) state;
	buffer_init(&content);
	assert_int_equal(storage_read(storage, "none", 10, &content).code, STORE_ABSENT);
	assert_int_equal(storage_read(storage, "none/none", 10, &content).code, STORE_ABSENT);
	assert_int_equal(storage_read_range(storage, "none", 0, 1, &byte).code, STORE_ABSENT);
	assert_int_equal(storage->head(storage, "none", &info).code, STORE_ABSENT);
	assert_int_equal(storage_remove(storage, "none", false).code, STORE_ABSENT);
	assert_int_equal(barrier_of(storage, "none"), STORE_ABSENT);
	assert_int_equal(storage->list(storage, "none", count_name, &count).code, STORE_ABSENT);
	assert_null(posix_storage_open(scratch_path("none"), false, &result));
	assert_int_equal(result.code, STORE_ABSENT);
	storage->close(storage);
	buffer_free(&content);
}

static void
test_create_location(void **state)
{
	StoreResult result;
	Storage *storage = posix_storage_open(scratch_path("x/y/z/"), true, &result);

	(void) state;
	assert_non_null(storage);
	storage->close(storage);
	assert_int_equal(mode_of("x/y/z"), 0700);
	assert_null(posix_storage_open("", true, &result));
	assert_int_not_equal(result.code, STORE_OK);
}

/* Neither a symbolic link nor a device takes the place of a file. */
static void
test_symbolic_links(void **state)
{
	Storage *storage = open_scratch();
	Buffer content;
	StoreInfo info;
	StoreLock *handle;

	(void) state;
	assert_int_equal(symlink("/etc/passwd", scratch_path("link")), 0);
	assert_int_equal(mkfifo(scratch_path("pipe"), 0600), 0);
	buffer_init(&content);
	assert_int_equal(storage_read(storage, "link", 1000000, &content).code, STORE_UNSUPPORTED);
	assert_int_equal(barrier_of(storage, "link"), STORE_UNSUPPORTED);
	assert_int_not_equal(storage->head(storage, "link", &info).code, STORE_OK);
	assert_int_not_equal(storage->head(storage, "pipe", &info).code, STORE_OK);
	assert_int_not_equal(storage_read(storage, ".", 1000000, &content).code, STORE_OK);
	assert_int_not_equal(storage->lock(storage, "link", LOCK_EXCLUSIVE, &handle).code, STORE_OK);

	/* Writing replaces the link and not what it points to. */
	assert_int_equal(storage->put(storage, "link", "mine", 4, &create_later).code, STORE_EXISTS);
	assert_int_equal(storage_write(storage, "link", "mine", 4).code, STORE_OK);
	assert_content(storage, "link", "mine");
	storage->close(storage);
	buffer_free(&content);
}

/* A FIFO in place of a file must not hang the reader. */
static void
test_fifo(void **state)
{
	Storage *storage = open_scratch();
	Buffer content;

	(void) state;
	assert_int_equal(mkfifo(scratch_path("pipe"), 0600), 0);
	buffer_init(&content);
	alarm(10);
	assert_int_not_equal(storage_read(storage, "pipe", 10, &content).code, STORE_OK);
	alarm(0);
	buffer_free(&content);
	storage->close(storage);
}

/* The last file of a directory takes it along, and that is durable, too. */
static void
test_remove_directory(void **state)
{
	Storage *storage = open_scratch();

	(void) state;
	assert_int_equal(storage->put(storage, "d/e/file", "x", 1, &create_later).code, STORE_OK);
	assert_int_equal(storage_remove(storage, "d/e/file", false).code, STORE_OK);
	assert_false(file_exists(scratch_path("d/e")));
	assert_true(file_exists(scratch_path("d")));
	assert_int_equal(storage_remove(storage, "d/e/file", true).code, STORE_ABSENT);
	storage->close(storage);
}

#define NAMES_SIZE 64

/* Keep the first name and say stop. */
static bool
note_names(const char *name, void *argument)
{
	snprintf(argument, NAMES_SIZE, "%s|", name);
	return false;
}

static void
test_list(void **state)
{
	Storage *storage = open_scratch();
	char names[NAMES_SIZE] = "";

	(void) state;
	assert_int_equal(storage->put(storage, "d/sub/file", "x", 1, &create_later).code, STORE_OK);
	assert_int_equal(storage->list(storage, "d", note_names, names).code, STORE_OK);
	assert_string_equal(names, "sub/|");
	assert_int_equal(storage->put(storage, "d/other", "x", 1, &create_later).code, STORE_OK);
	names[0] = '\0';

	/* One of the two, and no more than that. */
	assert_int_equal(storage->list(storage, "d", note_names, names).code, STORE_OK);
	assert_true(strcmp(names, "sub/|") == 0 || strcmp(names, "other|") == 0);
	storage->close(storage);
}

/* Take down what is visited, with its size. */
static void
note_file(const StoreEntry *entry, void *argument)
{
	size_t length = strlen(argument);

	assert_true(entry->readable);
	snprintf((char *) argument + length, NAMES_SIZE - length, "%s:%d|", entry->name,
			 (int) entry->bytes);
}

static void
note_age(const StoreEntry *entry, void *argument)
{
	*(double *) argument = entry->age;
}

static bool
is_not_unwanted(const char *name, void *argument)
{
	(void) argument;
	return strstr(name, "unwanted") == NULL;
}

/* Files at any depth, and neither links nor what lies behind them. */
static void
test_list_files(void **state)
{
	Storage *storage = open_scratch();
	char names[NAMES_SIZE] = "";
	double age = 0;
	FileListing listing = {is_not_unwanted, note_file, names};
	FileListing ages = {is_not_unwanted, note_age, &age};
	StoreResult result;
	int i;

	(void) state;
	assert_int_equal(storage->list_files(storage, "d", &listing).code, STORE_ABSENT);
	assert_int_equal(storage->put(storage, "d/sub/deep/file", "xyz", 3, &create_later).code,
					 STORE_OK);
	assert_int_equal(storage->put(storage, "d/sub/unwanted", "x", 1, &create_later).code, STORE_OK);
	assert_int_equal(storage->put(storage, "d/unwanted/file", "x", 1, &create_later).code,
					 STORE_OK);
	assert_int_equal(storage->put(storage, "e/file", "x", 1, &create_later).code, STORE_OK);
	assert_int_equal(symlink("../e", scratch_path("d/link")), 0);
	assert_int_equal(symlink("../e/file", scratch_path("d/other")), 0);
	assert_int_equal(storage->list_files(storage, "d", &listing).code, STORE_OK);
	assert_string_equal(names, "sub/deep/file:3|");
	assert_int_equal(storage->list_files(storage, "d/link", &listing).code, STORE_UNSUPPORTED);

	/* When it was written; a date in the future says nothing. */
	for (i = 0; i < 2; i++)
	{
		const struct timespec when = {.tv_sec = time(NULL) + (i == 0 ? -3600 : 3600)};
		const struct timespec times[2] = {when, when};

		assert_int_equal(utimensat(AT_FDCWD, scratch_path("e/file"), times, 0), 0);
		assert_int_equal(storage->list_files(storage, "e", &ages).code, STORE_OK);
		assert_true(i == 0 ? age >= 3600 && age < 3700 : age < 0);
	}

	/* Which of the directories could not be read. */
	if (geteuid() != 0)
	{
		assert_int_equal(chmod(scratch_path("d/sub/deep"), 0), 0);
		result = storage->list_files(storage, "d", &listing);
		assert_int_equal(chmod(scratch_path("d/sub/deep"), 0700), 0);
		assert_int_equal(result.code, STORE_DENIED);
		assert_non_null(strstr(result.text, "\"sub/deep/\": "));
	}
	storage->close(storage);
}

/* What another process finds. */
static int
lock_elsewhere(LockMode mode)
{
	int status;
	pid_t child = fork();

	if (child == 0)
	{
		StoreResult result;
		StoreLock *handle;
		Storage *storage = posix_storage_open(scratch, false, &result);

		_exit(storage == NULL ? 255 : storage->lock(storage, "lock/one", mode, &handle).code);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void
test_locks(void **state)
{
	Storage *storage = open_scratch();
	StoreLock *first;
	StoreLock *second;

	(void) state;
	assert_int_equal(storage->lock(storage, "lock/one", LOCK_SHARED, &first).code, STORE_OK);
	assert_int_equal(lock_elsewhere(LOCK_SHARED), STORE_OK);
	assert_int_equal(lock_elsewhere(LOCK_EXCLUSIVE), STORE_BUSY);
	assert_int_equal(storage->lock(storage, "lock/two", LOCK_EXCLUSIVE, &second).code, STORE_OK);
	storage->unlock(storage, second);
	storage->unlock(storage, first);
	assert_int_equal(lock_elsewhere(LOCK_EXCLUSIVE), STORE_OK);
	assert_int_equal(storage->lock(storage, "lock/one", LOCK_EXCLUSIVE, &first).code, STORE_OK);
	assert_int_equal(lock_elsewhere(LOCK_SHARED), STORE_BUSY);

	/* Not within one process either: two runs may share one. */
	assert_int_equal(storage->lock(storage, "lock/one", LOCK_EXCLUSIVE, &second).code, STORE_BUSY);
	storage->unlock(storage, first);
	storage->close(storage);
}

/* Nobody has to clean up behind a process that was killed. */
static void
test_lock_of_a_killed_process(void **state)
{
	int ready[2];
	int status;
	char byte;
	pid_t child;

	(void) state;
	assert_int_equal(pipe(ready), 0);
	child = fork();
	if (child == 0)
	{
		Storage *storage = open_scratch();
		StoreLock *handle;

		if (storage->lock(storage, "lock/one", LOCK_EXCLUSIVE, &handle).code == STORE_OK &&
			write(ready[1], "x", 1) == 1)
			pause();
		_exit(1);
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	assert_int_equal(lock_elsewhere(LOCK_SHARED), STORE_BUSY);
	assert_int_equal(kill(child, SIGKILL), 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(lock_elsewhere(LOCK_EXCLUSIVE), STORE_OK);
	close(ready[0]);
	close(ready[1]);
}

/* Hold flock() on a file, as older versions do, until killed. */
static pid_t
hold_as_before(const char *file)
{
	int ready[2];
	char byte;
	pid_t child;

	assert_int_equal(pipe(ready), 0);
	child = fork();
	if (child == 0)
	{
		int fd = open(scratch_path(file), O_RDONLY);

		if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) != 0 || write(ready[1], "x", 1) != 1)
			_exit(2);
		pause();
		_exit(3);
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	return child;
}

static void
end_child(pid_t child)
{
	int status;

	assert_int_equal(kill(child, SIGKILL), 0);
	assert_int_equal(waitpid(child, &status, 0), child);
}

/* A lock of one writer: against others, also in this process, and against older versions. */
static void
test_lock_alone(void **state)
{
	Storage *storage = open_scratch();
	StoreLock *first;
	StoreLock *second;
	pid_t old;

	(void) state;
	assert_int_equal(storage->lock(storage, "lock/one", LOCK_ALONE, &first).code, STORE_OK);
	assert_int_equal(lock_elsewhere(LOCK_ALONE), STORE_BUSY);
	assert_int_equal(storage->lock(storage, "lock/one", LOCK_ALONE, &second).code, STORE_BUSY);
	assert_int_equal(storage->lock(storage, "lock/two", LOCK_ALONE, &second).code, STORE_OK);
	storage->unlock(storage, second);
	storage->unlock(storage, first);
	assert_int_equal(lock_elsewhere(LOCK_ALONE), STORE_OK);
	assert_int_equal(lock_elsewhere(LOCK_ALONE), STORE_OK);
	assert_int_equal(count_names(storage, "lock/held/one"), 1);

	old = hold_as_before("lock/one");
	assert_int_equal(lock_elsewhere(LOCK_ALONE), STORE_BUSY);
	assert_int_equal(lock_elsewhere(LOCK_SHARED), STORE_BUSY);
	assert_int_equal(lock_elsewhere(LOCK_EXCLUSIVE), STORE_BUSY);
	end_child(old);
	assert_int_equal(lock_elsewhere(LOCK_ALONE), STORE_OK);
	storage->close(storage);
}

/* Hold all that a reader can get: a shared lock of a range, and an exclusive flock(). */
static void
lock_as_reader(const char *file, bool as_before)
{
	struct flock range = {.l_type = F_RDLCK, .l_whence = SEEK_SET};
	int fd = open(scratch_path(file), O_RDONLY);

	if (fd < 0 || (as_before && flock(fd, LOCK_EX | LOCK_NB) != 0) ||
		fcntl(fd, F_OFD_SETLK, &range) != 0)
		_exit(4);
	range.l_type = F_WRLCK;
	if (fcntl(fd, F_OFD_SETLK, &range) == 0)
		_exit(5);
}

static char first_name[256];

static bool
note_first(const char *name, void *argument)
{
	snprintf(first_name, sizeof(first_name), "lock/held/one/%s", name);
	return *(bool *) argument;
}

/*
 * Whoever may only read keeps out what removes, and nothing else.  Who is not
 * root cannot be another user: then without the lock that counts by its user.
 */
static void
test_locks_of_a_reader(void **state)
{
	Storage *storage = open_scratch();
	bool more = false;
	int ready[2];
	char byte;
	StoreLock *handle;
	pid_t child;

	(void) state;
	assert_int_equal(storage->lock(storage, "lock/one", LOCK_ALONE, &handle).code, STORE_OK);
	storage->unlock(storage, handle);
	assert_int_equal(storage->list(storage, "lock/held/one", note_first, &more).code, STORE_OK);
	assert_int_equal(chmod(scratch, 0755), 0);
	assert_int_equal(chmod(scratch_path("lock"), 0755), 0);
	assert_int_equal(chmod(scratch_path("lock/one"), 0644), 0);
	assert_int_equal(chmod(scratch_path("lock/held"), 0755), 0);
	assert_int_equal(chmod(scratch_path("lock/held/one"), 0755), 0);
	assert_int_equal(chmod(scratch_path(first_name), 0644), 0);
	assert_int_equal(pipe(ready), 0);
	child = fork();
	if (child == 0)
	{
		bool root = geteuid() == 0;

		if (root && setuid(65534) != 0)
			_exit(1);
		lock_as_reader("lock/one", root);
		lock_as_reader(first_name, true);
		if (write(ready[1], "x", 1) == 1)
			pause();
		_exit(1);
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	assert_int_equal(lock_elsewhere(LOCK_SHARED), STORE_OK);
	assert_int_equal(lock_elsewhere(LOCK_EXCLUSIVE), STORE_BUSY);
	assert_int_equal(storage->lock(storage, "lock/one", LOCK_ALONE, &handle).code, STORE_OK);
	assert_int_equal(lock_elsewhere(LOCK_ALONE), STORE_BUSY);
	storage->unlock(storage, handle);
	assert_int_equal(lock_elsewhere(LOCK_ALONE), STORE_OK);
	end_child(child);
	assert_int_equal(lock_elsewhere(LOCK_EXCLUSIVE), STORE_OK);
	storage->close(storage);
}

#define WRITERS 8
#define ROUNDS 50

static void *
write_often(void *argument)
{
	Storage *storage = argument;
	char content[4096];
	int i;

	memset(content, 'x', sizeof(content));
	for (i = 0; i < ROUNDS; i++)
	{
		bool creates = i % 2 == 0;
		StoreCode code =
			creates
				? storage->put(storage, "objects/ab/same", content, sizeof(content), &create_later)
					  .code
				: storage_write(storage, "objects/ab/same", content, sizeof(content)).code;

		if (code != STORE_OK && (code != STORE_EXISTS || !creates))
			return argument;
	}
	return NULL;
}

/* The same file at once: always whole, and no temporary name is left. */
static void
test_concurrent_writers(void **state)
{
	Storage *storage = open_scratch();
	pthread_t threads[WRITERS];
	Buffer content;
	void *failed;
	int i;

	(void) state;
	for (i = 0; i < WRITERS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, write_often, storage), 0);
	buffer_init(&content);
	for (i = 0; i < ROUNDS; i++)
	{
		buffer_reset(&content);
		if (storage_read(storage, "objects/ab/same", 10000, &content).code == STORE_OK)
			assert_int_equal(content.length, 4096);
	}
	for (i = 0; i < WRITERS; i++)
	{
		assert_int_equal(pthread_join(threads[i], &failed), 0);
		assert_null(failed);
	}
	assert_int_equal(count_names(storage, "objects/ab"), 1);
	buffer_free(&content);
	storage->close(storage);
}

/* A small file system of our own, or the one that the environment names. */
static bool
mount_small(char *directory, size_t size)
{
	const char *given = getenv("NEXB_SMALL_DIR");

	if (given != NULL)
	{
		snprintf(directory, size, "%s/unit_storage", given);
		return mkdir(directory, 0700) == 0;
	}
	snprintf(directory, size, "%s/small", scratch);
	return mkdir(directory, 0700) == 0 &&
		   mount("tmpfs", directory, "tmpfs", 0, "size=1m,mode=700") == 0;
}

static void
test_full_disk(void **state)
{
	static char content[128 * 1024];
	char directory[512];
	Storage *storage;
	StoreInfo info;
	StoreResult result = store_ok();
	int i;

	(void) state;
	if (!mount_small(directory, sizeof(directory)))
	{
		/* Not skip(): in TAP, cmocka 1.1.5 says "not ok" with it. */
		print_message("# test_full_disk skipped: cannot mount a small tmpfs: %s\n",
					  strerror(errno));
		return;
	}
	storage = posix_storage_open(directory, false, &result);
	assert_non_null(storage);
	for (i = 0; i < 4096 && result.code == STORE_OK; i++)
	{
		char name[32];

		snprintf(name, sizeof(name), "objects/%d", i);
		result = storage->put(storage, name, content, sizeof(content), &create_later);
		if (result.code == STORE_OK)
			assert_int_equal(storage->head(storage, name, &info).code, STORE_OK);
		else
			assert_int_equal(storage->head(storage, name, &info).code, STORE_ABSENT);
	}
	assert_int_equal(result.code, STORE_FULL);

	/* What was there is still there, and the failed file left nothing. */
	assert_int_equal(count_names(storage, "objects"), i - 1);
	assert_int_equal(storage_write(storage, "objects/0", content, sizeof(content)).code,
					 STORE_FULL);
	assert_int_equal(storage->head(storage, "objects/0", &info).code, STORE_OK);
	assert_int_equal(info.bytes, sizeof(content));
	storage->close(storage);
	if (getenv("NEXB_SMALL_DIR") == NULL)
		assert_int_equal(umount(directory), 0);
	else
		assert_int_equal(nftw(directory, scratch_remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

/* A write that stops in the middle, without any privilege: nothing of it is left. */
static void
test_write_cut_short(void **state)
{
	static char content[128 * 1024];
	Storage *storage = open_scratch();
	struct rlimit limit;
	struct rlimit small;
	StoreResult result;

	(void) state;
	assert_int_equal(storage_write(storage, "objects/file", "old", 3).code, STORE_OK);
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	small = limit;
	small.rlim_cur = 64 * 1024;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	result = storage_write(storage, "objects/file", content, sizeof(content));
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	assert_int_equal(result.code, STORE_FAILED);
	assert_content(storage, "objects/file", "old");
	assert_int_equal(count_names(storage, "objects"), 1);
	storage->close(storage);
}

/* A directory that may not be written to, seen by somebody other than root. */
static void
test_read_only(void **state)
{
	Storage *storage;
	StoreLock *handle;
	int status;
	pid_t child;

	(void) state;
	storage = open_scratch();
	assert_int_equal(storage_write(storage, "d/file", "content", 7).code, STORE_OK);
	assert_int_equal(chmod(scratch_path("d"), 0555), 0);
	assert_int_equal(chmod(scratch_path("d/file"), 0444), 0);
	assert_int_equal(chmod(scratch, 0555), 0);
	child = fork();
	if (child == 0)
	{
		if (geteuid() == 0 && setuid(65534) != 0)
			_exit(1);
		if (storage_write(storage, "d/file", "x", 1).code != STORE_DENIED)
			_exit(2);
		if (storage->put(storage, "new/file", "x", 1, &create_later).code != STORE_DENIED)
			_exit(3);
		if (storage_remove(storage, "d/file", false).code != STORE_DENIED)
			_exit(4);
		if (storage->lock(storage, "d/file", LOCK_SHARED, &handle).code != STORE_OK)
			_exit(5);
		assert_content(storage, "d/file", "content");
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(WEXITSTATUS(status), 0);
	assert_int_equal(chmod(scratch, 0755), 0);
	assert_int_equal(chmod(scratch_path("d"), 0755), 0);
	storage->close(storage);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, scratch_create, scratch_destroy)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_write_and_read),
		TEST(test_replace),
		TEST(test_absent),
		TEST(test_create_location),
		TEST(test_symbolic_links),
		TEST(test_fifo),
		TEST(test_remove_directory),
		TEST(test_list),
		TEST(test_list_files),
		TEST(test_locks),
		TEST(test_lock_of_a_killed_process),
		TEST(test_lock_alone),
		TEST(test_locks_of_a_reader),
		TEST(test_concurrent_writers),
		TEST(test_full_disk),
		TEST(test_write_cut_short),
		TEST(test_read_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
