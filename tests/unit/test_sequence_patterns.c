/*-------------------------------------------------------------------------
 *
 * test_sequence_patterns.c
 *	  Which patterns keep pg_dump from sequences, and how many there are.
 *
 *-------------------------------------------------------------------------
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "buffer.h"
#include "sequence_patterns.h"

#define UTF8 6 /* PG_UTF8 */

/* A table of three columns, as the server would send it. */
static PGresult *
begin(void)
{
	static PGresAttDesc columns[] = {
		{.name = (char *) "n"}, {.name = (char *) "c"}, {.name = (char *) "m"}};
	PGresult *result = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);

	assert_int_equal(PQsetResultAttrs(result, 3, columns), 1);
	return result;
}

static void
add(PGresult *result, const char *schema, const char *name, const char *is_view)
{
	const char *values[] = {schema, name, is_view};
	int row = PQntuples(result);
	int i;

	for (i = 0; i < 3; i++)
		assert_int_equal(PQsetvalue(result, row, i, (char *) values[i], (int) strlen(values[i])),
						 1);
}

/* Sequences that are too many to be named, all with the same beginning. */
static void
add_many(PGresult *result, const char *schema, int count)
{
	char name[64];
	int i;

	for (i = 0; i < count; i++)
	{
		snprintf(name, sizeof(name), "customer_%09d_id_seq", i);
		add(result, schema, name, "f");
	}
}

/* The patterns, one to a line; frees the result. */
static void
check(PGresult *result, const char *expected)
{
	char **patterns = sequence_patterns_of(result, UTF8);
	Buffer text;
	int i;

	buffer_init(&text);
	for (i = 0; patterns[i] != NULL; i++)
		buffer_printf(&text, "%s\n", patterns[i]);
	assert_string_equal(text.data != NULL ? text.data : "", expected);
	buffer_free(&text);
	sequence_patterns_free(patterns);
	PQclear(result);
}

static void
test_few(void **state)
{
	PGresult *result = begin();

	(void) state;
	check(begin(), "");
	add(result, "a", "m", "t");
	add(result, "b\"c", "s.1", "f");
	add(result, "b\"c", "s\"2", "f");
	add(result, "b\"c", "s", "t");
	add(result, "d", "s", "f");
	check(result, "\"b\"\"c\".\"s.1\"|\"s\"\"2\"\n\"d\".\"s\"\n");
}

static void
test_many(void **state)
{
	PGresult *result = begin();

	(void) state;
	add_many(result, "a", 6000);
	add_many(result, "b", 1);
	check(result, "*.*\n");
}

/* What is near a materialized view is told from it at the first character that differs. */
static void
test_views(void **state)
{
	PGresult *result = begin();

	(void) state;
	add(result, "a", "Report", "t");
	add_many(result, "ab", 3000);
	add(result, "ab", "cus", "f");
	add(result, "ab", "custo", "t");
	add(result, "ab", "customer_", "t");
	add(result, "ab", "customer_-]", "t");
	add(result, "ab", "customer_X\"", "t");
	add_many(result, "abc", 1);
	add_many(result, "\xc3\xa9", 1);
	check(result, "\"ab\".\"cus\"|\"customer_\"[^\"X-\"]*\n"
				  "\"ab\"?*|[^\"a\"]*.*\n");
}

static void
test_characters(void **state)
{
	PGresult *result = begin();

	(void) state;
	add_many(result, "s", 3000);
	add(result, "s", "\xc3\xa8", "f");
	add(result, "s", "\xc3\xa9", "t");
	add(result, "s", "\xc3\xaa", "t");
	check(result, "\"s\".[^\"\xc3\xa9\xc3\xaa\"]*\n");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_few),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_views),
		cmocka_unit_test(test_characters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
