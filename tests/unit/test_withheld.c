/*-------------------------------------------------------------------------
 *
 * test_withheld.c
 *	  What others are told of a message that quotes something.
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

#include "memory.h"
#include "quoted_statements.h"
#include "server_error.h"
#include "withheld.h"

/* Takes the text over. */
static void
assert_read(char *text, const char *shown, const char *told)
{
	char *read = withheld_shown(text);

	assert_string_equal(read, shown);
	free(read);
	read = withheld_told(text);
	assert_string_equal(read, told);
	free(read);
	free(text);
}

static char *
between(const char *before, const char *hidden, const char *note, const char *after)
{
	char *marked = withhold(hidden, note);
	char *text = xasprintf("%s%s%s", before, marked, after);

	free(marked);
	return text;
}

static void
test_readings(void **state)
{
	(void) state;
	assert_null(withheld_shown(NULL));
	assert_null(withheld_told(NULL));
	assert_read(xstrdup("plain"), "plain", "plain");
	assert_read(xstrdup(""), "", "");
	assert_read(between("said: ", "a row", NULL, " (line 1)"), "said: a row (line 1)",
				"said: [withheld] (line 1)");
	assert_read(between("", "a row", "SQLSTATE 22P02", ""), "a row", "[withheld, SQLSTATE 22P02]");
	assert_read(between("", "", NULL, ""), "", "[withheld]");
	/* A mark cannot be made by who can write control characters. */
	assert_read(between("\x0e", "\x10 a \x0f row", NULL, "\x0f"), "\x0e\x10 a \x0f row\x0f",
				"\x0e[withheld]\x0f");
}

/* A message that is cut off somewhere shows nothing more. */
static void
test_cut(void **state)
{
	char *text = between("said: ", "secret", "note", " end");
	size_t length;

	(void) state;
	for (length = 0; length < strlen(text); length++)
	{
		char *part = xasprintf("%.*s", (int) length, text);
		char *told = withheld_told(part);

		assert_null(strstr(told, "sec"));
		free(told);
		free(part);
	}
	free(text);
}

static void
test_printable(void **state)
{
	char *text = between("a\tb ", "c\n", "note", " \x1b[0m");
	char *printable = withheld_printable(text);

	(void) state;
	assert_read(printable, "a\\x09b c\\x0a \\x1b[0m", "a\\x09b [withheld, note] \\x1b[0m");
	free(text);
}

static void
test_statements(void **state)
{
	(void) state;
	assert_read(withhold_values("COMMENT ON TABLE \"t\" IS 'words';", 200),
				"COMMENT ON TABLE \"t\" IS 'words';", "COMMENT ON TABLE \"t\" IS [withheld]");
	assert_read(withhold_values("COMMENT ON TABLE t IS 'words';", 25), "COMMENT ON TABLE t IS 'wo",
				"COMMENT ON TABLE t IS [withheld]");
	assert_read(withhold_values("DO $$ secret $$", 200), "DO $$ secret $$", "DO [withheld]");
	assert_read(withhold_values("LOCK TABLE t", 200), "LOCK TABLE t", "LOCK TABLE t");
	assert_true(statement_may_be_secret("\n-- of\nCREATE USER MAPPING FOR x SERVER s"));
	assert_true(statement_may_be_secret("CREATE SUBSCRIPTION s CONNECTION 'password=x'"));
	assert_true(statement_may_be_secret("CREATE FOREIGN TABLE t ()"));
	assert_false(statement_may_be_secret("CREATE TABLE t ()"));
}

static void
test_hints(void **state)
{
	(void) state;
	assert_null(server_error_state_hint(NULL, NULL));
	assert_null(server_error_state_hint("99999", "role \"r\" does not exist"));
	assert_non_null(server_error_state_hint("55P03", NULL));
	/* What is missing is no role. */
	assert_non_null(
		strstr(server_error_state_hint("42704", "role \"r\" does not exist"), "globals"));
	assert_null(server_error_state_hint("42704", "trigger \"r\" for table \"t\" does not exist"));
	assert_null(server_error_state_hint("42704", "unrecognized configuration parameter \"r\""));
	assert_null(
		server_error_state_hint("23505", "duplicate key value violates unique constraint \"r\""));
	assert_non_null(
		strstr(server_error_state_hint("23505", "duplicate key value violates unique constraint "
												"\"pg_database_datname_index\""),
			   "again"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_readings),  cmocka_unit_test(test_cut),
		cmocka_unit_test(test_printable), cmocka_unit_test(test_statements),
		cmocka_unit_test(test_hints),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
