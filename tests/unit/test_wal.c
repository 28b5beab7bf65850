/*-------------------------------------------------------------------------
 *
 * test_wal.c
 *	  The WAL archive without a server: names, pages, histories, exit
 *	  statuses; and each call that push and get make of the storage fails
 *	  once, with every code, before or after it was done.
 *
 * What was pushed is there after a crash, and get never says that there is no
 * more while there is.
 *
 *-------------------------------------------------------------------------
 */
#include "failing_calls.h"
#include "scratch.h"

#include "exit_status.h"
#include "recover_text.h"
#include "repository.h"
#include "run_protocol.h"
#include "seal_append.h"
#include "wal_end.h"
#include "wal_get.h"
#include "wal_history.h"
#include "wal_pack.h"
#include "wal_push.h"
#include "wal_source.h"

#define SYSTEM UINT64_C(7713997228503892696)
#define SIZE (1024 * 1024)
#define BLOCK 8192
#define MAGIC 0xD110 /* of PostgreSQL 15 */

/* ---- names ---- */

static void
test_names(void **state)
{
	static const struct
	{
		const char *text;
		int kind; /* -1: none */
	} names[] = {{"000000010000000A000000FF", WAL_SEGMENT},
				 {"000000010000000A000000FF.partial", WAL_PARTIAL},
				 {"000000010000000A000000FF.00000028.backup", WAL_BACKUP_LABEL},
				 {"00000002.history", WAL_HISTORY},
				 {"000000000000000A000000FF", -1},
				 {"000000010000000a000000ff", -1},
				 {"000000010000000A000000F", -1},
				 {"000000010000000A000000FFF", -1},
				 {"000000010000000A000000FF.backup", -1},
				 {"000000010000000A000000FF.00000028.backups", -1},
				 {"0000000G.history", -1},
				 {"00000002.history.tmp", -1},
				 {"RECOVERYXLOG", -1},
				 {"../0000000010000000A00000", -1},
				 {"", -1}};
	size_t i;
	WalName name;
	uint64_t number;

	(void) state;
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
	{
		bool good = wal_name_parse(names[i].text, &name);

		assert_int_equal(good, names[i].kind >= 0);
		if (good)
			assert_int_equal(name.kind, names[i].kind);
	}
	assert_true(wal_name_parse("000000010000000A000000FF", &name));
	assert_true(wal_segment_number(&name, 16 * SIZE, &number));
	assert_int_equal(number, 0xAFF);
	/* Segments of 64 MB: 64 of them in a log. */
	assert_false(wal_segment_number(&name, 64 * SIZE, &number));
	wal_segment_name(1, 0xB00, 16 * SIZE, &name);
	assert_string_equal(name.text, "000000010000000B00000000");
}

static void
test_file_names(void **state)
{
	static const char *const ends[] = {".zst", ".zst.age", ".zst.nxb"};
	WalFile file = {.content = "0123456789abcdef", .cipher = CIPHER_NONE};
	WalFile read;
	size_t i;
	size_t cut;

	(void) state;
	assert_true(wal_name_parse("000000010000000A000000FF.partial", &file.name));
	assert_true(digest_buffer("x", 1, file.sha256));
	for (i = 0; i < 3; i++)
	{
		char *text;

		file.cipher = (Cipher) i;
		text = wal_file_name(&file);
		assert_string_equal(text + strlen(text) - strlen(ends[i]), ends[i]);
		assert_true(wal_file_parse(text, &read));
		assert_string_equal(read.name.text, file.name.text);
		assert_string_equal(read.sha256, file.sha256);
		assert_string_equal(read.content, file.content);
		assert_int_equal(read.cipher, file.cipher);
		/* No shorter one is good, but for one that ends with the suffix of a plain file. */
		for (cut = strlen(text) - 1; cut > 0; cut--)
		{
			text[cut] = '\0';
			assert_int_equal(wal_file_parse(text, &read),
							 i > 0 && cut > 4 && strcmp(text + cut - 4, ".zst") == 0);
		}
		free(text);
	}
}

/* ---- histories ---- */

static void
test_histories(void **state)
{
	static const char good[] = "1\t0/3000148\tno recovery target specified\n\n2\tA/FF\tbefore x\n";
	static const char *const bad[] = {
		"", "x\n", "1\n", "3\t0/1\tof itself\n", "4\t0/1\tlater\n", "2\t0/5\ta\n1\t0/6\tb\n"};
	static const char stopped_before[] = "1\t0/6\tat a restore point\n2\t0/5\tbefore it\n";
	WalHistory history;
	uint64_t end;
	size_t i;

	(void) state;
	assert_null(wal_history_parse(good, strlen(good), 3, &history));
	assert_int_equal(history.count, 2);
	assert_true(wal_history_find(&history, 2, &end));
	assert_int_equal(end, UINT64_C(0xA000000FF));
	assert_false(wal_history_find(&history, 3, &end));
	wal_history_free(&history);
	/* A recovery that was to go to timeline 2, and ended before that begins. */
	assert_null(wal_history_parse(stopped_before, strlen(stopped_before), 3, &history));
	assert_true(wal_history_find(&history, 1, &end));
	assert_int_equal(end, 5);
	assert_true(wal_history_find(&history, 2, &end));
	assert_int_equal(end, 5);
	wal_history_free(&history);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_non_null(wal_history_parse(bad[i], strlen(bad[i]), 3, &history));
	assert_non_null(wal_history_parse("1\t0/1\ta\n\0", 9, 3, &history));
}

/* ---- pages ---- */

/* A segment as PostgreSQL 15 writes it, used up to a page. */
static char *
make_segment(uint32_t timeline, uint64_t number, size_t pages)
{
	char *data = xcalloc(1, SIZE);
	const uint64_t system = SYSTEM;
	size_t i;

	for (i = 0; i < pages; i++)
	{
		char *page = data + i * BLOCK;
		uint16_t magic = MAGIC;
		uint16_t info = i == 0 ? 2 : 0;
		uint64_t address = number * SIZE + i * BLOCK;
		uint32_t size = SIZE;
		uint32_t block = BLOCK;

		memset(page + 64, (int) (number + i), 100);
		memcpy(page, &magic, 2);
		memcpy(page + 2, &info, 2);
		memcpy(page + 4, &timeline, 4);
		memcpy(page + 8, &address, 8);
		if (i > 0)
			continue;
		memcpy(page + 24, &system, 8);
		memcpy(page + 32, &size, 4);
		memcpy(page + 36, &block, 4);
	}
	return data;
}

/* Is a segment with one byte changed still one? */
static bool
good_with(const WalName *name, const char *segment, size_t at, char mask)
{
	char *copy = memory_copy(segment, SIZE);
	WalHead head;
	char *problem;

	copy[at] ^= mask;
	problem = wal_pages_check(name, copy, SIZE, &head);
	free(copy);
	free(problem);
	return problem == NULL;
}

static void
test_pages(void **state)
{
	char *segment = make_segment(2, 5, SIZE / BLOCK);
	char *cut = make_segment(2, 5, 3);
	WalName name;
	WalName partial;
	WalHead head;
	char *problem;
	size_t i;

	(void) state;
	wal_segment_name(2, 5, SIZE, &name);
	assert_null(wal_pages_check(&name, segment, SIZE, &head));
	assert_int_equal(head.major, 15);
	assert_int_equal(head.system_identifier, SYSTEM);
	assert_null(wal_pages_check(&name, cut, SIZE, &head));
	/* Headers of the first page, of another one, and what is no header. */
	for (i = 0; i < 16; i++)
	{
		assert_int_equal(good_with(&name, segment, i, 1), i == 2 || i == 3);
		assert_int_equal(good_with(&name, segment, 7 * BLOCK + i, 1), i == 2 || i == 3);
	}
	assert_true(good_with(&name, segment, 7 * BLOCK + 100, 1));
	/* Something behind the end. */
	assert_false(good_with(&name, cut, 3 * BLOCK + 100, 1));
	assert_false(good_with(&name, cut, SIZE - 1, 1));
	partial = name;
	partial.kind = WAL_PARTIAL;
	assert_true(good_with(&partial, cut, SIZE - 1, 1));
	assert_false(good_with(&partial, cut, 8, 1));
	for (i = 0; i < SIZE; i += BLOCK / 2 + 1)
	{
		problem = wal_pages_check(&name, segment, i, &head);
		assert_non_null(problem);
		free(problem);
	}
	free(segment);
	free(cut);
}

/* ---- exit statuses ---- */

static int
status_after(bool recovery, bool no_more, int code)
{
	int status;
	pid_t child = fork();

	if (child == 0)
	{
		if (recovery)
			exit_status_for_recovery();
		if (no_more)
			exit_status_no_more();
		_exit(exit_status(code));
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	return WEXITSTATUS(status);
}

static void
test_statuses(void **state)
{
	(void) state;
	assert_int_equal(status_after(false, false, EXIT_FAILED), 1);
	assert_int_equal(status_after(false, false, EXIT_INTERRUPTED), 130);
	assert_int_equal(status_after(true, false, EXIT_DONE), 0);
	assert_int_equal(status_after(true, false, EXIT_FAILED), 201);
	assert_int_equal(status_after(true, false, EXIT_INTEGRITY), 203);
	assert_int_equal(status_after(true, false, EXIT_INTERRUPTED), 143);
	assert_int_equal(status_after(true, true, EXIT_FAILED), 1);
	assert_int_equal(status_after(true, true, EXIT_INTEGRITY), 203);
}

/* ---- push and get, with a storage that fails ---- */

static bool
push(Repository *repository, uint32_t timeline, uint64_t number)
{
	WalPush request = {.repository = repository, .system_identifier = SYSTEM, .level = 1};
	WalPushed pushed;
	WalName name;
	char *segment;

	wal_segment_name(timeline, number, SIZE, &name);
	request.path = scratch_path(name.text);
	if (!file_exists(request.path))
	{
		segment = make_segment(timeline, number, 20);
		assert_int_equal(wal_target_write(request.path, segment, SIZE), 0);
		free(segment);
	}
	return wal_push(&request, &pushed);
}

/* Ask for a segment; if it is given, it must be the right one. */
static WalAnswer
get(Repository *repository, uint32_t timeline, uint64_t number)
{
	const WalGet request = {.repository = repository, .system_identifier = SYSTEM};
	WalGet asked = request;
	WalName name;
	WalAnswer answer;
	Buffer data;
	char *segment;

	wal_segment_name(timeline, number, SIZE, &name);
	asked.name = name.text;
	asked.path = scratch_path("got");
	answer = wal_get(&asked);
	buffer_init(&data);
	if (answer == WAL_GIVEN)
	{
		segment = make_segment(timeline, number, 20);
		assert_int_equal(wal_source_read(asked.path, &data), 0);
		assert_int_equal(data.length, SIZE);
		assert_memory_equal(data.data, segment, SIZE);
		free(segment);
	}
	(void) unlink(asked.path);
	buffer_free(&data);
	return answer;
}

static int
try_push(bool barrier_needed, int call, StoreCode code, bool afterwards)
{
	Repository *repository = repository_in_memory(barrier_needed);
	bool good;
	int calls;

	assert_true(push(repository, 1, 1));
	memory_fail(repository->storage, call, 1, code, afterwards);
	good = push(repository, 1, 2);
	calls = memory_of(repository->storage)->calls;
	memory_crash(repository->storage);
	assert_int_equal(get(repository, 1, 1), WAL_GIVEN);
	if (good)
		assert_int_equal(get(repository, 1, 2), WAL_GIVEN);
	/* It is pushed again, whatever is there of it. */
	assert_true(push(repository, 1, 2));
	assert_int_equal(get(repository, 1, 2), WAL_GIVEN);
	assert_int_equal(get(repository, 1, 3), WAL_BEYOND_END);
	repository_close(repository);
	return calls;
}

/* The very first one, which begins everything. */
static int
try_first_push(bool barrier_needed, int call, StoreCode code, bool afterwards)
{
	Repository *repository = repository_in_memory(barrier_needed);
	bool good;
	int calls;

	memory_fail(repository->storage, call, 1, code, afterwards);
	good = push(repository, 1, 1);
	calls = memory_of(repository->storage)->calls;
	memory_crash(repository->storage);
	if (good)
		assert_int_equal(get(repository, 1, 1), WAL_GIVEN);
	assert_true(push(repository, 1, 1));
	assert_int_equal(get(repository, 1, 1), WAL_GIVEN);
	repository_close(repository);
	return calls;
}

/* What is there is given or not, and what is missing is never "no more": later ones are in the same
 * directory, or another. */
static int
try_get(bool barrier_needed, int call, StoreCode code, bool afterwards)
{
	static const uint64_t numbers[] = {1, 2, 4096, 4098};
	Repository *repository = repository_in_memory(barrier_needed);
	size_t i;
	int calls;

	for (i = 0; i < 4; i++)
		assert_true(push(repository, 1, numbers[i]));
	memory_fail(repository->storage, call, 1, code, afterwards);
	assert_int_not_equal(get(repository, 1, 4098), WAL_BEYOND_END);
	memory_fail(repository->storage, call, 1, code, afterwards);
	assert_int_equal(get(repository, 1, 4097), WAL_FAILED);
	calls = memory_of(repository->storage)->calls;
	memory_fail(repository->storage, call, 1, code, afterwards);
	assert_int_equal(get(repository, 1, 3), WAL_FAILED);
	memory_crash(repository->storage);
	assert_int_equal(get(repository, 1, 4098), WAL_GIVEN);
	assert_int_equal(get(repository, 1, 3), WAL_FAILED);
	assert_int_equal(get(repository, 1, 4099), WAL_BEYOND_END);
	repository_close(repository);
	return calls;
}

/* What a killed process wrote, and did not make durable, is durable when the next push is done. */
static void
test_not_durable(void **state)
{
	Repository *repository = repository_in_memory(true);
	MemoryStorage *memory = memory_of(repository->storage);
	int i;

	(void) state;
	assert_true(push(repository, 1, 1));
	for (i = 0; i < memory->count; i++)
	{
		if (strstr(memory->files[i].path, "/000000010000000000000001-") == NULL)
			continue;
		free(memory->files[i].kept);
		memory->files[i].kept = NULL;
	}
	assert_true(push(repository, 1, 1));
	memory_crash(repository->storage);
	assert_int_equal(get(repository, 1, 1), WAL_GIVEN);
	repository_close(repository);
}

static void
test_push_failures(void **state)
{
	(void) state;
	try_all(try_push, true, 3);
	try_all(try_first_push, true, 3);
}

static void
test_get_failures(void **state)
{
	(void) state;
	try_all(try_get, true, 3);
}

/* ---- two who write the same ---- */

static void
test_conflict(void **state)
{
	Repository *shared = repository_in_memory(true);
	WalPush request = {.repository = shared, .system_identifier = SYSTEM, .level = 1};
	WalPushed pushed;
	char *other;
	WalName name;

	(void) state;
	assert_true(push(shared, 1, 7));
	other = make_segment(1, 7, 21);
	wal_segment_name(1, 7, SIZE, &name);
	request.path = scratch_path(name.text);
	assert_int_equal(wal_target_write(request.path, other, SIZE), 0);
	assert_false(wal_push(&request, &pushed));
	assert_int_equal(get(shared, 1, 7), WAL_GIVEN);
	free(other);
	repository_close(shared);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_file_names),
		cmocka_unit_test(test_histories),
		cmocka_unit_test(test_pages),
		cmocka_unit_test(test_statuses),
		cmocka_unit_test_setup_teardown(test_push_failures, scratch_create, scratch_destroy),
		cmocka_unit_test_setup_teardown(test_get_failures, scratch_create, scratch_destroy),
		cmocka_unit_test_setup_teardown(test_not_durable, scratch_create, scratch_destroy),
		cmocka_unit_test_setup_teardown(test_conflict, scratch_create, scratch_destroy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
