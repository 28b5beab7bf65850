/*-------------------------------------------------------------------------
 *
 * test_long_sql.c
 *	  SQL of a backup that is more than a server takes as one message.
 *
 *-------------------------------------------------------------------------
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "buffer.h"
#include "long_sql.h"

/* Cut into messages of so many bytes at most, "|" between them. */
static void
assert_cut(const char *sql, size_t limit, const char *expected)
{
	Buffer cut;

	buffer_init(&cut);
	buffer_append_string(&cut, "");
	while (*sql != '\0')
	{
		const char *end = long_sql_end(sql, limit);

		assert_true(end > sql);
		buffer_append(&cut, sql, (size_t) (end - sql));
		if (*end != '\0')
			buffer_append_char(&cut, '|');
		sql = end;
	}
	assert_string_equal(cut.data, expected);
	buffer_free(&cut);
}

static void
test_cut(void **state)
{
	(void) state;
	assert_cut("A;B;C;", 100, "A;B;C;");
	assert_cut("A;B;C;", 6, "A;B;C;");
	assert_cut("A;B;C;", 5, "A;B;|C;");
	assert_cut("A;B;C;", 4, "A;B;|C;");
	assert_cut("A;B;C;", 2, "A;|B;|C;");
	assert_cut("A;B 'x;y';C", 6, "A;|B 'x;y';|C");
	assert_cut("A;\nBBBBBBBBBB;C;D;", 5, "A;|\nBBBBBBBBBB;|C;D;");
	assert_cut("", 5, "");
}

static void
test_refused(void **state)
{
	char *said = NULL;

	(void) state;
	assert_false(long_sql_refused("SELECT 1", &said));
	assert_null(said);
}

/* One line, whatever is in it: it goes into a file of SQL. */
static void
test_note(void **state)
{
	char *note = long_sql_note("\nCOMMENT ON LARGE OBJECT 1 IS '\n\\! x';");

	(void) state;
	assert_string_equal(note, "-- a statement of 38 bytes, which is not written here: "
							  "COMMENT ON LARGE OBJECT 1 IS '\\x0a\\! x'; ...;");
	free(note);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_note),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
