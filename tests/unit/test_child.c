/*-------------------------------------------------------------------------
 *
 * test_child.c
 *	  A program that an executor has started, and what it says.
 *
 *-------------------------------------------------------------------------
 */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "child.h"
#include "child_output.h"
#include "run_protocol.h"

static ChildOutput output;

static void
add(const char *text)
{
	child_output_add(&output, text, strlen(text));
}

static void
test_events(void **state)
{
	size_t length;
	const char *tail;

	(void) state;
	child_output_init(&output);
	add("begin\n{\"event\":\"progress\",\"phase\":\"copy");
	assert_string_equal(output.progress, "");
	add("ing\"}\n{\"event\":\"error\",\"message\":\"could not open \\\"a\\\\b\\\"\\nat all\"}\n");
	add("nex_backup: error: could not\n{\"event\":\"error\",\"message\":\"and then\"}\n");
	add("{\"event\":\"later version\"}\n{\"other\":1}\nlast");
	assert_string_equal(output.progress, "{\"event\":\"progress\",\"phase\":\"copying\"}");
	assert_string_equal(output.error, "could not open \"a\\b\"\nat all");
	child_output_end(&output);
	tail = child_output_tail(&output, &length);
	assert_int_equal(length, strlen("begin\nnex_backup: error: could not\n{\"other\":1}\nlast\n"));
	assert_memory_equal(tail, "begin\nnex_backup: error: could not\n{\"other\":1}\nlast\n", length);
}

/* Whatever is written, so much of it is kept. */
static void
test_much(void **state)
{
	size_t length;
	const char *tail;
	int i;

	(void) state;
	child_output_init(&output);
	for (i = 0; i < 3 * OUTPUT_LINE_SIZE; i++)
		add("{\"event\":\"error\",\"message\":\"\\");
	add("\n");
	assert_true(strlen(output.error) < OUTPUT_LINE_SIZE);
	for (i = 0; i < 20000; i++)
		add("twenty characters..\n");
	child_output_add(&output, "a\0b\n", 4);
	tail = child_output_tail(&output, &length);
	assert_int_equal(length, OUTPUT_TAIL_SIZE);
	assert_memory_equal(tail + length - 4, "a?b\n", 4);
}

/* Its output to the end, into `output`. */
static void
wait_for(Child *child)
{
	char piece[100];
	ssize_t got;

	child_output_init(&output);
	while ((got = child_read(child, piece, sizeof(piece))) >= 0)
	{
		child_output_add(&output, piece, (size_t) got);
		usleep(1000);
	}
	while (!child_ended(child))
		usleep(1000);
}

static void
start(Child *child, const char *script)
{
	char *argv[] = {"sh", "-c", (char *) script, NULL};
	char *environment[] = {"A=b", NULL};
	ChildProgram program = {.path = "/bin/sh", .argv = argv, .environment = environment};

	assert_true(child_start(child, &program));
}

static void
test_end(void **state)
{
	Child child;
	size_t length;

	(void) state;
	start(&child, "echo $A; exit 3");
	wait_for(&child);
	assert_int_equal(child_exit_code(&child), 3);
	assert_int_equal(child_end_signal(&child), 0);
	assert_memory_equal(child_output_tail(&output, &length), "b\n", 2);
	child_close(&child);

	/* A group of its own, so its own children end, too. */
	start(&child, "sleep 100 & wait");
	child_signal(&child, SIGTERM);
	wait_for(&child);
	assert_int_equal(child_exit_code(&child), -1);
	assert_int_equal(child_end_signal(&child), SIGTERM);
	child_close(&child);

	/* Its control pipe ends with us. */
	start(&child, "read line <&3; exit 7");
	child_close(&child);
	while (!child_ended(&child))
		usleep(1000);
	assert_int_equal(child_exit_code(&child), 7);
}

static void
test_no_start(void **state)
{
	char *argv[] = {"x", NULL};
	ChildProgram program = {.path = "/etc/passwd", .argv = argv, .environment = argv + 1};
	Child child;

	(void) state;
	assert_false(child_start(&child, &program));
	assert_int_equal(errno, EACCES);
	assert_int_equal(child.pid, 0);
	assert_string_equal(program_problem("/etc/passwd"), "it may not be executed");
	assert_null(program_problem("/bin/sh"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_events),
		cmocka_unit_test(test_much),
		cmocka_unit_test(test_end),
		cmocka_unit_test(test_no_start),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
