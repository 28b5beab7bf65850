/*-------------------------------------------------------------------------
 *
 * test_globals_powers.c
 *	  What a role of the server can do that the role of the same name in a
 *	  backup could not, by whatever chain of memberships.
 *
 *-------------------------------------------------------------------------
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#include "globals_powers.h"

#define PLAIN "NOSUPERUSER INHERIT NOCREATEROLE NOCREATEDB LOGIN NOREPLICATION NOBYPASSRLS;\n"

/* What "joe" can do more here than there; NULL: nothing. */
static void
assert_more(const char *here, const char *there, const char *expected)
{
	GlobalsStatements ours;
	GlobalsStatements theirs;
	GlobalsPowers *powers_here;
	GlobalsPowers *powers_there;
	char *more;

	globals_statements_parse(here, &ours);
	globals_statements_parse(there, &theirs);
	powers_here = globals_powers_of(&ours);
	powers_there = globals_powers_of(&theirs);
	more = globals_powers_more(powers_here, powers_there, "joe");
	if (expected == NULL)
		assert_null(more);
	else
	{
		assert_non_null(more);
		assert_string_equal(more, expected);
	}
	free(more);
	globals_powers_free(powers_here);
	globals_powers_free(powers_there);
	globals_statements_free(&ours);
	globals_statements_free(&theirs);
}

static void
test_attributes(void **state)
{
	static const char plain[] = "ALTER ROLE joe WITH " PLAIN;

	(void) state;
	assert_more(plain, plain, NULL);
	assert_more("ALTER ROLE joe WITH SUPERUSER INHERIT;\n", plain, "SUPERUSER");
	assert_more("ALTER ROLE joe WITH CREATEROLE REPLICATION BYPASSRLS;\n", plain,
				"CREATEROLE, REPLICATION, BYPASSRLS");
	assert_more(plain, "ALTER ROLE joe WITH SUPERUSER;\n", NULL);
	assert_more("ALTER ROLE joe WITH SUPERUSER;\n", "ALTER ROLE joe WITH SUPERUSER;\n", NULL);

	/* Neither a password nor another role. */
	assert_more("ALTER ROLE joe WITH LOGIN PASSWORD 'SUPERUSER';\n", plain, NULL);
	assert_more("ALTER ROLE joey WITH SUPERUSER;\nALTER ROLE jo WITH SUPERUSER;\n", plain, NULL);

	/* A role that the backup does not have. */
	assert_more("ALTER ROLE joe WITH SUPERUSER;\n", "", "SUPERUSER");
	assert_more("", "", NULL);
}

static void
test_chains(void **state)
{
	static const char chain[] = "ALTER ROLE joe WITH " PLAIN "ALTER ROLE a WITH " PLAIN
								"ALTER ROLE \"B c\" WITH " PLAIN "ALTER ROLE root WITH SUPERUSER;\n"
								"GRANT a TO joe GRANTED BY x;\nGRANT \"B c\" TO a GRANTED BY x;\n"
								"GRANT root TO \"B c\" GRANTED BY x;\n";
	static const char cut[] = "ALTER ROLE joe WITH " PLAIN "ALTER ROLE root WITH SUPERUSER;\n"
							  "GRANT a TO joe GRANTED BY x;\nGRANT root TO \"B c\" GRANTED BY x;\n";

	(void) state;
	assert_more(chain, cut, "SUPERUSER");
	assert_more(cut, chain, NULL);

	/* The other way round, and in a circle. */
	assert_more("ALTER ROLE root WITH SUPERUSER;\nGRANT joe TO root GRANTED BY x;\n", "", NULL);
	assert_more("GRANT a TO joe;\nGRANT b TO a;\nGRANT a TO b;\nGRANT pg_monitor TO b;\n", "",
				"pg_monitor");

	/* Several memberships of one role, of which the last one counts. */
	assert_more("ALTER ROLE root WITH SUPERUSER;\nGRANT a TO joe;\nGRANT b TO joe;\n"
				"GRANT c TO joe;\nGRANT root TO joe;\nGRANT zoe TO joey;\n",
				"", "SUPERUSER");
}

/* Roles of the system have powers that are no attributes. */
static void
test_system_roles(void **state)
{
	(void) state;
	assert_more("GRANT pg_read_all_data TO joe;\n", "", "pg_read_all_data");
	assert_more("GRANT pg_read_all_data TO joe;\n", "GRANT pg_read_all_data TO joe;\n", NULL);
	assert_more("GRANT pg_read_all_data TO joe;\n", "GRANT pg_read_all_data TO jim;\n",
				"pg_read_all_data");
	assert_more("GRANT pg_write_server_files TO team;\nGRANT team TO joe;\n",
				"GRANT pg_write_server_files TO other;\nGRANT other TO joe;\n", NULL);
	assert_more("ALTER ROLE joe WITH CREATEROLE;\nGRANT pg_b TO joe;\nGRANT pg_a TO joe;\n",
				"GRANT pg_a TO joe;\n", "CREATEROLE, pg_b");
	assert_more("GRANT team TO joe;\n", "", NULL);
}

/* What is about to be set counts, not what is set. */
static void
test_set(void **state)
{
	GlobalsStatements here;
	GlobalsStatements wanted;
	GlobalsPowers *powers;
	char *more;

	(void) state;
	globals_statements_parse("ALTER ROLE joe WITH " PLAIN, &here);
	globals_statements_parse("ALTER ROLE joe WITH SUPERUSER;\n", &wanted);
	powers = globals_powers_of(&here);
	more = globals_powers_more(powers, powers, "joe");
	assert_null(more);
	globals_powers_set(powers, &wanted.items[0]);
	{
		GlobalsPowers *before = globals_powers_of(&here);

		more = globals_powers_more(powers, before, "joe");
		assert_non_null(more);
		assert_string_equal(more, "SUPERUSER");
		globals_powers_free(before);
	}
	free(more);
	globals_powers_free(powers);
	globals_statements_free(&here);
	globals_statements_free(&wanted);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_attributes),
		cmocka_unit_test(test_chains),
		cmocka_unit_test(test_system_roles),
		cmocka_unit_test(test_set),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
