/*-------------------------------------------------------------------------
 *
 * test_kept_dependencies.c
 *	  Dependencies that a backup has beside its archive, whoever wrote them.
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
#include "kept_dependencies.h"
#include "memory.h"

/* "2>1 4>1,2 3!1": by ids, ! what does not outlive it; or what is wrong. */
static void
assert_read(const char *text, const char *expected)
{
	/* The second and the fourth have the same number in different catalogs. */
	TocEntry entries[] = {{.id = 1, .place = 0, .catalog = 1255, .oid = 16390},
						  {.id = 2, .place = 1, .catalog = 2616, .oid = 16400},
						  {.id = 3, .place = 2, .catalog = 1259, .oid = 4294967295},
						  {.id = 4, .place = 3, .catalog = 2606, .oid = 16400},
						  {.id = 5, .place = 4}};
	ArchiveToc toc = {.entries = entries, .count = 5};
	char *lines = xstrdup(text);
	bool functions;
	const char *problem = kept_dependencies_parse(&toc, lines, &functions);
	Buffer found;
	uint32_t i;
	int d;

	buffer_init(&found);
	buffer_append_string(&found, "");
	for (i = 0; i < toc.count; i++)
	{
		for (d = 0; d < entries[i].ndepends_on; d++)
			buffer_printf(&found, " %d>%d", entries[i].id, entries[i].depends_on[d]);
		for (d = 0; d < entries[i].ngoes_with; d++)
			buffer_printf(&found, " %d!%d", entries[i].id, entries[i].goes_with[d]);
		free(entries[i].depends_on);
		free(entries[i].goes_with);
	}
	assert_string_equal(problem != NULL ? problem : found.data, expected);
	assert_int_equal(toc.complete, problem == NULL);
	assert_int_equal(functions, strstr(text, "-- covers functions\n") != NULL);
	buffer_free(&found);
	free(lines);
}

static void
test_lines(void **state)
{
	(void) state;
	assert_read("", "");
	assert_read("-- Dependencies that the archive does not have.\n--\n\n", "");
	assert_read("-- Dependencies.\n-- covers functions\n--\n-- covers\n\n", "");
	assert_read("-- goes 1259/4294967295 1255/16390\n-- needs 2606/16400 1255/16390\n"
				"-- needs 2606/16400 2616/16400\n-- needs 2616/16400 1255/16390\n\n",
				" 2>1 3!1 4>1 4>2");
	/* What the archive does not have, itself, and what a later version may write. */
	assert_read("-- goes 1259/7 1255/16390\n-- needs 1255/16390 1255/16390\n"
				"-- needs 1255/16390 1255/16391\n-- needs 2607/16400 1255/16390\n-- later 1/x\n-- "
				"needs 2616/16400 1255/16390",
				" 2>1");
	/* Entries without an object of their own are not meant. */
	assert_read("-- needs 0/0 1255/16390\n-- needs 2616/16400 0/0\n", "");
}

static void
test_damage(void **state)
{
	static const char *const lines[] = {"-- needs ",
										"-- needs 2616/16400",
										"-- needs 2616/16400 1255",
										"-- needs 2616/16400 1255/",
										"-- needs 2616/16400 1255/16390 ",
										"-- needs 2616/16400 1255/16390x",
										"-- needs 2616/16400  1255/16390",
										"-- needs 2616/-1 1255/16390",
										"-- needs +2616/16400 1255/16390",
										"-- needs 2616/16400 1255/4294967296",
										"-- needs 2616/16400 1255/00000016390",
										"-- goes 2616.16400 1255/16390"};
	/* Twice, or not in order. */
	static const char *const orders[] = {
		"-- needs 2616/16400 1255/16390\n-- needs 2616/16400 1255/16390\n",
		"-- needs 2616/16400 1255/16390\n-- needs 2616/16400 1255/16389\n",
		"-- needs 2616/16400 1255/16390\n-- needs 2616/999 1255/16391\n",
		"-- needs 2616/16400 1255/16390\n-- needs 999/16400 1255/16391\n",
		"-- needs 2616/16400 1255/16390\n-- goes 1259/4294967295 1255/16390\n"};
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		assert_read(lines[i], "are damaged");
	for (i = 0; i < sizeof(orders) / sizeof(orders[0]); i++)
		assert_read(orders[i], "are damaged");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_damage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
