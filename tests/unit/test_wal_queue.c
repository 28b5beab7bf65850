/*-------------------------------------------------------------------------
 *
 * test_wal_queue.c
 *	  Which WAL files a server wants archived, and in which order they go.
 *
 * That they are stored in that order, and durably, tests/t/093_archive_module.t
 * shows with a server.
 *
 *-------------------------------------------------------------------------
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "log.h"
#include "memory.h"
#include "wal_queue.h"
#include "wal_ready.h"

static char *
make_directory(void)
{
	char *path = xstrdup("/tmp/nexb_test_XXXXXX");

	assert_non_null(mkdtemp(path));
	return path;
}

static void
touch(const char *directory, const char *name)
{
	char *path = xasprintf("%s/%s", directory, name);
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fclose(file);
	free(path);
}

static void
test_ready_order(void **state)
{
	static const char *const names[] = {
		"000000010000000000000007.ready",
		"000000010000000000000005.00000028.backup.ready",
		"000000010000000000000005.ready",
		"000000010000000000000004.done",
		"00000003.history.ready",
		"0000000200000000000000FF.partial.ready",
		"x.ready",
		".ready",
		"000000010000000000000006.ready.tmp",
		"00000002.history.ready",
	};
	static const char *const expected[] = {
		"00000002.history",         "00000003.history",
		"000000010000000000000005", "000000010000000000000005.00000028.backup",
		"000000010000000000000007", "0000000200000000000000FF.partial",
	};
	char *directory = make_directory();
	WalName found[10];
	size_t count;
	size_t limit;
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		touch(directory, names[i]);
	for (limit = 0; limit <= 10; limit++)
	{
		bool more = wal_ready_list(directory, found, limit, &count);

		assert_int_equal(count, limit < 6 ? limit : 6);
		assert_int_equal(more, limit > 0 && limit < 6);
		for (i = 0; i < count; i++)
			assert_string_equal(found[i].text, expected[i]);
	}
	assert_false(wal_ready_list("/nowhere", found, 10, &count));
	assert_int_equal(count, 0);
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
	{
		char *path = xasprintf("%s/%s", directory, names[i]);

		assert_int_equal(unlink(path), 0);
		free(path);
	}
	assert_int_equal(rmdir(directory), 0);
	free(directory);
}

/* Whatever cannot be stored is answered with the reason, every time, and no error of the program.
 */
static void
test_queue_refuses(void **state)
{
	const WalQueueRequest request = {"/nowhere/at/all", 1, 2};
	WalQueue *queue = wal_queue_start(&request);
	LogCapture error;
	WalName name;
	int i;

	(void) state;
	assert_non_null(queue);
	assert_true(wal_name_parse("000000010000000000000007", &name));
	for (i = 0; i < 3; i++)
	{
		assert_int_equal(wal_queue_ask(queue, &name, 20, &error), WAL_QUEUE_FAILED);
		assert_non_null(
			strstr(error.error, "could not read file \"pg_wal/000000010000000000000007\""));
		log_capture_free(&error);
	}
	assert_int_equal(wal_queue_expected(queue), 1);
	/* The server has got over it. */
	assert_true(wal_name_parse("000000010000000000000008", &name));
	assert_int_equal(wal_queue_ask(queue, &name, 20, &error), WAL_QUEUE_FAILED);
	log_capture_free(&error);
	assert_int_equal(wal_queue_expected(queue), 1);
	assert_int_equal(log_exit_code(), EXIT_DONE);
	assert_true(wal_queue_stop(queue, 20));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ready_order),
		cmocka_unit_test(test_queue_refuses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
