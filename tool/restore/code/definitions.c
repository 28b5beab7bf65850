/*-------------------------------------------------------------------------
 *
 * definitions.c
 *	  Has code of others changed definitions in our own transaction?
 *
 * Locks keep other sessions from changing what was found harmless.  They do
 * not keep away code that runs in our own session with the rights of an
 * owner: a trigger, or the function of an index.  It can rename a table and
 * put another one in its place, or make a cast, and what we do next by name
 * with the rights of the session would meet that.  Comparing the oids of what
 * was restored would not find a new cast, nor a column of another type.
 *
 * But the server counts what a transaction does to each system catalog, also
 * what was taken back by an exception block, and code cannot reset that.  So
 * these counts are compared around every statement that runs such code.  An
 * index build makes entries of its own in a few catalogs, which are left out:
 * what renames, replaces or retypes a table shows in pg_type, too, and a new
 * CHECK constraint or trigger is found when the next rows are decided upon.
 * Relations and indexes are counted nevertheless: it makes exactly one.
 *
 * What depends on what is not counted, either, but where such an entry is
 * changed, not made or removed: no statement that makes an object does that,
 * and everything does that takes an object into another schema.
 *
 * What cannot be counted is looked at itself, and then only what is ours:
 * other sessions make domains and temporary tables all the time.  A row of a
 * catalog is ours if we see it although the transaction that wrote it is still
 * in progress; that is so for subtransactions, too.
 *
 *-------------------------------------------------------------------------
 */
#include "definitions.h"

#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "memory.h"
#include "row_copy.h"

/*
 * $1: catalogs of which new entries do not count; $2: nor those that are
 * changed or removed, but in pg_depend; $3: relations whose names and types of columns are
 * compared themselves, '{}' for all that we have locked; $4: relations, and
 * $5: types, that the step made; $6: a domain that it makes, whose constraints
 * are its own.
 *
 * A row has the last 32 bits of the number of its transaction: the whole number
 * is the one that is nearest to our own.  What we see of one that our snapshot
 * does not reach can only be ours.
 */
static const char counts_query[] =
	"WITH me AS (SELECT"
	"  pg_catalog.pg_current_xact_id_if_assigned()::pg_catalog.text::pg_catalog.int8 AS own,"
	"  pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot())"
	"   ::pg_catalog.text::pg_catalog.int8 AS others),"
	" held AS (SELECT pg_catalog.unnest($3::pg_catalog.oid[]) AS oid"
	"  UNION SELECT relation FROM pg_catalog.pg_locks WHERE $3::pg_catalog.text = '{}'"
	"   AND locktype = 'relation' AND granted AND pid = pg_catalog.pg_backend_pid()"
	"   AND relation >= 16384 AND database ="
	"    (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()))"
	"SELECT pg_catalog.string_agg(pg_catalog.format('%s %s %s', c.relname,"
	"  CASE WHEN c.relname = ANY ($1::pg_catalog.name[]) THEN 0"
	"   ELSE pg_catalog.pg_stat_get_xact_tuples_inserted(c.oid) END"
	"  - CASE WHEN c.relname IN ('pg_class', 'pg_index') THEN $4::pg_catalog.int4"
	"   WHEN c.relname = 'pg_type' THEN $5::pg_catalog.int4 ELSE 0 END,"
	"  CASE WHEN c.relname = 'pg_depend' THEN pg_catalog.pg_stat_get_xact_tuples_updated(c.oid)"
	"   WHEN c.relname = ANY ($2::pg_catalog.name[]) THEN 0"
	"   ELSE pg_catalog.pg_stat_get_xact_tuples_updated(c.oid)"
	"   + pg_catalog.pg_stat_get_xact_tuples_deleted(c.oid) END),"
	"  ' ' ORDER BY c.relname)"
	" || (SELECT pg_catalog.format(' domains %s %s', pg_catalog.count(*), pg_catalog.sum("
	"   pg_catalog.hashtextextended(pg_catalog.format('%s %s %s', oid, xmin, cmin), 0)))"
	"  FROM (SELECT oid, xmin, cmin, me.own"
	"    + ((xmin::pg_catalog.text::pg_catalog.int8 - me.own) % 4294967296"
	"     + 4294967296 + 2147483648) % 4294967296 - 2147483648 AS xid"
	"   FROM pg_catalog.pg_constraint, me WHERE contypid <> 0 AND contypid <> COALESCE("
	"    pg_catalog.to_regtype($6::pg_catalog.text)::pg_catalog.oid, 0) OFFSET 0) d, me"
	"  WHERE xid >= me.own AND CASE WHEN xid < me.others"
	"   THEN pg_catalog.pg_xact_status(xid::pg_catalog.text::pg_catalog.xid8) = 'in progress'"
	"   ELSE true END)"
	" || (SELECT pg_catalog.format(' columns %s %s', pg_catalog.count(*), pg_catalog.sum("
	"   pg_catalog.hashtextextended(pg_catalog.format('%s %s %s %s', a.attrelid, a.attnum,"
	"    a.atttypid, a.attname), 0)))"
	"  FROM pg_catalog.pg_attribute a JOIN held ON held.oid = a.attrelid"
	"  JOIN pg_catalog.pg_class t ON t.oid = a.attrelid"
	"  WHERE t.relkind IN ('r', 'p', 'f', 'm')),"
	" pg_catalog.current_setting('track_counts'),"
	" (SELECT pg_catalog.array_agg(oid) FROM held)"
	" FROM pg_catalog.pg_class c WHERE c.relkind = 'r'"
	" AND c.relnamespace = 'pg_catalog'::pg_catalog.regnamespace";

/* What no definition is in, and what statistics are in. */
#define NO_DEFINITIONS                                                                             \
	"pg_depend,pg_shdepend,pg_largeobject,pg_largeobject_metadata,pg_statistic,"                   \
	"pg_statistic_ext_data"

/* What an index makes of its own, but for itself. */
#define OF_INDEX NO_DEFINITIONS ",pg_inherits,pg_description,pg_attribute,pg_constraint,pg_trigger"

static const char *const uncounted[][2] = {
	[STEP_INDEX] = {"{" OF_INDEX "}",
					"{" NO_DEFINITIONS ",pg_class,pg_index,pg_inherits,pg_description}"},
	[STEP_INDEX_OPTIONS] = {"{" OF_INDEX "}", "{" OF_INDEX ",pg_class,pg_index}"},
	[STEP_TABLE] = {"{" OF_INDEX ",pg_class,pg_index,pg_attrdef,pg_partitioned_table,"
					"pg_foreign_table}",
					"{" OF_INDEX ",pg_class,pg_index}"},
	[STEP_ATTACH] = {"{" OF_INDEX ",pg_class,pg_index}",
					 "{" OF_INDEX ",pg_class,pg_index,pg_partitioned_table}"},
	[STEP_ENTRY] = {"{" NO_DEFINITIONS "}", "{" NO_DEFINITIONS "}"},
};

/* What the index of a turn changes. */
static const CatalogChange of_turn[] = {
	{"pg_class", 1, 0}, {"pg_index", 1, 0}, {"pg_attribute", 1, 0}, {NULL, 0, 0}};

/* The counts now, without what the step `made`; `held` is what was locked before, *locked what is.
 */
static char *
read_counts(Connection *connection, const Definitions *definitions, const char *held, bool made,
			char **locked)
{
	DefinitionsStep step = definitions->step;
	const char *params[6] = {uncounted[step][0],
							 uncounted[step][1],
							 held,
							 "0",
							 "0",
							 definitions->type[0] != '\0' ? definitions->type : NULL};
	PGresult *result;
	char *counts = NULL;

	/* A table has a row type, and that an array. */
	if (made && step == STEP_TABLE)
		params[4] = "2";
	else if (made && step != STEP_ATTACH && step != STEP_ENTRY)
		params[3] = "1";
	result = connection_query(connection, counts_query, 6, params);
	if (result != NULL && strcmp(PQgetvalue(result, 0, 1), "on") != 0)
		report_error(EXIT_FAILED, NULL, "Set track_counts to on.",
					 "the server does not count changes of its catalogs");
	else if (result != NULL)
	{
		counts = xstrdup(PQgetvalue(result, 0, 0));
		if (locked != NULL)
			*locked = xstrdup(PQgetvalue(result, 0, 2));
	}
	PQclear(result);
	return counts;
}

bool
definitions_read(Connection *connection, DefinitionsStep step, Definitions *definitions)
{
	definitions->step = step;
	definitions->held = NULL;
	definitions->type = "";
	definitions->counts = read_counts(connection, definitions, step == STEP_INDEX ? NULL : "{}",
									  false, &definitions->held);
	return definitions->counts != NULL;
}

bool
definitions_read_entry(Connection *connection, const char *type, Definitions *definitions)
{
	definitions->step = STEP_ENTRY;
	definitions->held = NULL;
	definitions->type = type;
	/* Every change of a column is counted. */
	definitions->counts = read_counts(connection, definitions, NULL, false, &definitions->held);
	return definitions->counts != NULL;
}

void
definitions_free(Definitions *definitions)
{
	free(definitions->counts);
	free(definitions->held);
	definitions->counts = definitions->held = NULL;
}

/* May the catalog have changed by so much? */
static bool
is_allowed(const CatalogChange *changes, long long columns, const char *catalog, size_t length,
		   long long inserted, long long others)
{
	const CatalogChange *lists[] = {changes, of_turn};
	size_t i;

	for (i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
	{
		for (changes = lists[i]; changes->catalog != NULL; changes++)
		{
			if (strlen(changes->catalog) != length ||
				strncmp(changes->catalog, catalog, length) != 0)
				continue;
			inserted -= changes->inserted;
			others -= changes->others == CHANGES_OF_COLUMNS ? columns : changes->others;
		}
	}
	return inserted <= 0 && others <= 0;
}

/* "pg_class 3 1 pg_type 2 0 … domains 0  columns 5 17": catalog by catalog, then all the rest. */
static bool
is_only(const char *before, const char *now, const CatalogChange *changes, long long columns)
{
	while (strncmp(now, "pg_", 3) == 0)
	{
		size_t length = strcspn(now, " ");
		const char *catalog = now;
		char *end;
		long long was[2];
		long long is[2];
		int i;

		if (strncmp(before, now, length + 1) != 0)
			return false;
		before += length;
		now += length;
		for (i = 0; i < 2; i++)
		{
			was[i] = strtoll(before, &end, 10);
			before = end;
			is[i] = strtoll(now, &end, 10);
			now = end;
		}
		if (!is_allowed(changes, columns, catalog, length, is[0] - was[0], is[1] - was[1]))
			return false;
		before += *before == ' ';
		now += *now == ' ';
	}
	return strcmp(before, now) == 0;
}

/* With `changes`, no more than these; else none. */
static bool
compare(Connection *connection, Definitions *before, const CatalogChange *changes,
		long long columns, const char *what)
{
	/* No relation of ours was locked: nor is there anything to compare. */
	const char *held = before->held[0] != '\0' ? before->held : NULL;
	char *now = read_counts(connection, before, held, true, NULL);
	bool good = now != NULL;

	if (good && (changes != NULL ? !is_only(before->counts, now, changes, columns)
								 : strcmp(before->counts, now) != 0))
	{
		log_debug("catalogs before: %s; after: %s", before->counts, now);
		good = report_error(
			EXIT_FAILED, "Code of the live database did that in the transaction of this restore.",
			ROWS_AS_SESSION_HINT, "definitions of objects were changed while %s", what);
	}
	definitions_free(before);
	free(now);
	return good;
}

bool
definitions_same(Connection *connection, Definitions *before, const char *what)
{
	return compare(connection, before, NULL, 0, what);
}

bool
definitions_only(Connection *connection, Definitions *before, const CatalogChange *changes,
				 long long columns, const char *what)
{
	return compare(connection, before, changes, columns, what);
}
