/*-------------------------------------------------------------------------
 *
 * test_definition_names.c
 *	  The names that a definition resolves when it is parsed.
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
#include "definition_names.h"

/* "f s.norm! o s.===" and so on; ! what a table computes.  Names of columns only with `columns`. */
static void
assert_names(const char *kind, const char *text, bool columns, const char *expected)
{
	static const char letters[] = "fnotcCr";
	TocEntry entry = {.kind = (char *) kind, .definition = (char *) text};
	UsedNames names;
	Buffer found;
	uint32_t i;

	buffer_init(&found);
	buffer_append_string(&found, "");
	definition_names_read(&entry, &names);
	for (i = 0; i < names.count; i++)
	{
		const UsedName *used = &names.items[i];

		if (used->use == NAME_COLUMN && !columns)
			continue;
		buffer_printf(&found, "%s%c %s%s%s%s%s%s", found.length > 0 ? ", " : "", letters[used->use],
					  used->column != NULL ? used->column : "", used->column != NULL ? ":" : "",
					  used->schema != NULL ? used->schema : "", used->schema != NULL ? "." : "",
					  used->name, used->computed ? "!" : "");
	}
	definition_names_free(&names);
	assert_string_equal(found.data, expected);
	buffer_free(&found);
}

static void
test_tables(void **state)
{
	(void) state;
	assert_names(
		"TABLE",
		"CREATE TABLE s.t (\n    a integer DEFAULT s.next('s.f(1)'::regclass) NOT NULL,\n"
		"    b public.geometry(Point,4326),\n    \"c d\" \"S x\".\"T y\"[],\n"
		"    g integer GENERATED ALWAYS AS ((s.norm(a) OPERATOR(s.+) (b)::s.u)) STORED,\n"
		"    CONSTRAINT c CHECK ((s.one() > pg_catalog.abs(a)))\n)\nINHERITS (s.p)\n"
		"PARTITION BY LIST (a, s.key(a), ((b)::s.v));\n",
		false,
		"f s.next, C b:public.geometry, C c d:S x.T y, f s.norm!, o s.+!, t s.u!, n s.one, "
		"f s.key!, t s.v!");
	assert_names("TABLE",
				 "CREATE TABLE s.t (\n    a integer DEFAULT pg_temp.f(1),\n    g integer GENERATED "
				 "ALWAYS AS /* here */ ((s.f(a))) STORED\n);\n",
				 false, "f pg_temp.f, f s.f!");
	/* What may be a column, only where it is computed. */
	assert_names("TABLE",
				 "CREATE TABLE s.t (\n    a s.e,\n    g text GENERATED ALWAYS AS ((\"B\" || 'x')) "
				 "STORED,\n    i integer GENERATED ALWAYS AS IDENTITY,\n    CHECK ((a > 1))\n) "
				 "PARTITION BY LIST (a, ((c + 1)));\n",
				 true, "C a:s.e, c B!, c c!");
	assert_names("TABLE", "CREATE TABLE s.t OF s.row (\n    a WITH OPTIONS DEFAULT s.f(1)\n);\n",
				 false, "r s.row!, f s.f");
}

static void
test_what_is_computed_by_owners(void **state)
{
	(void) state;
	assert_names(
		"INDEX",
		"CREATE INDEX i ON ONLY s.t USING gist (a public.ops (siglen='32'), s.f(b), ((c)::s.u)) "
		"INCLUDE (d) WHERE (e = 'x'::s.u);\n",
		true, "c siglen!, f s.f!, c b!, c c!, t s.u!, c WHERE!, c e!");
	assert_names("CONSTRAINT",
				 "ALTER TABLE ONLY s.t\n    ADD CONSTRAINT c EXCLUDE USING gist (a WITH &&, s.f(v) "
				 "WITH OPERATOR(s.=));\n",
				 true, "f s.f!, c v!, o s.=!");
	assert_names("CHECK CONSTRAINT",
				 "ALTER TABLE s.t\n    ADD CONSTRAINT c CHECK ((s.f(v) = 1)) NOT VALID;\n", true,
				 "f s.f!, c v!");
	assert_names("STATISTICS", "CREATE STATISTICS s.n (dependencies) ON (s.f(v)), w FROM s.t;\n",
				 false, "f s.f!");
	assert_names(
		"MATERIALIZED VIEW",
		"CREATE MATERIALIZED VIEW s.m AS\n SELECT s.f(t.v) AS f, s.g() -- s.h(1)\n   FROM (s.t "
		"x(a, b) JOIN s.rows('a') USING (a)) /* s.i(1) */\n WITH NO DATA;\n",
		false, "f s.f!, n s.g!, f s.rows!");
}

static void
test_others(void **state)
{
	(void) state;
	assert_names("TRIGGER",
				 "CREATE TRIGGER t BEFORE INSERT ON s.t FOR EACH ROW WHEN (s.f(new.v)) EXECUTE "
				 "FUNCTION s.fire('s.x(1)');\n",
				 false, "f s.f!, n s.fire!");
	assert_names(
		"FUNCTION",
		"CREATE FUNCTION s.f(a s.t DEFAULT s.g(1)) RETURNS SETOF s.t\n    LANGUAGE sql\n    "
		"BEGIN ATOMIC\n SELECT s.h(1);\nEND;\n",
		false, "f s.g!, f s.h!");
	assert_names(
		"FUNCTION",
		"CREATE FUNCTION s.f() RETURNS integer\n    LANGUAGE plpgsql\n    AS $_$BEGIN RETURN "
		"s.g($1); END$_$;\n",
		false, "");
	assert_names("AGGREGATE",
				 "CREATE AGGREGATE s.a(s.t) (\n    SFUNC = s.f,\n    STYPE = s.u,\n    FINALFUNC = "
				 "\"S\".\"F\",\n    SORTOP = OPERATOR(s.<)\n);\n",
				 false, "f s.f!, f S.F!, o s.<!");
	assert_names("DOMAIN",
				 "CREATE DOMAIN s.d AS public.geometry(Point,4326) DEFAULT s.f(1)\n\tCONSTRAINT c "
				 "CHECK ((s.g(VALUE)));\n",
				 false, "f s.f!, f s.g!");
	assert_names("FK CONSTRAINT",
				 "ALTER TABLE ONLY s.t\n    ADD CONSTRAINT c FOREIGN KEY (a) REFERENCES s.u(b);\n",
				 true, "");
	assert_names("RULE",
				 "CREATE RULE r AS\n    ON INSERT TO s.t DO INSTEAD  INSERT INTO s.u (a)\n  VALUES "
				 "(s.f(new.a));\n",
				 false, "f s.f!");
	assert_names("POLICY", "CREATE POLICY p ON s.t USING ((v = s.\"odd (name\"(1)));\n", false,
				 "f s.odd (name!");
	assert_names("UNKNOWN", "CREATE X s.x(1", false, "f s.x!");
	assert_names("VIEW", "CREATE VIEW s.v AS SELECT OPERATOR(s", false, "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tables),
		cmocka_unit_test(test_what_is_computed_by_owners),
		cmocka_unit_test(test_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
