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
 * $1: catalogs of which new entries do not count; $2: nor those that are changed or removed; $3:
 * names and types of columns are compared themselves.
 */
static const char counts_query[] =
	"SELECT pg_catalog.string_agg(pg_catalog.format('%s %s', c.relname,"
	"  CASE WHEN c.relname = ANY ($1::pg_catalog.name[]) THEN 0"
	"   ELSE pg_catalog.pg_stat_get_xact_tuples_inserted(c.oid) END"
	"  + CASE WHEN c.relname = ANY ($2::pg_catalog.name[]) THEN 0"
	"   ELSE pg_catalog.pg_stat_get_xact_tuples_updated(c.oid)"
	"   + pg_catalog.pg_stat_get_xact_tuples_deleted(c.oid) END), ' ' ORDER BY c.relname)"
	" || (SELECT pg_catalog.format(' domains %s', pg_catalog.count(*))"
	"  FROM pg_catalog.pg_constraint WHERE contypid <> 0)"
	" || CASE WHEN $3::pg_catalog.bool THEN (SELECT pg_catalog.format(' columns %s %s',"
	"   pg_catalog.count(*), pg_catalog.sum(pg_catalog.hashtextextended(pg_catalog.format("
	"    '%s %s %s %s', a.attrelid, a.attnum, a.atttypid, a.attname), 0)))"
	"  FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class t ON t.oid = a.attrelid"
	"  WHERE a.attrelid >= 16384 AND t.relkind IN ('r', 'p', 'f', 'm')) ELSE '' END,"
	" pg_catalog.current_setting('track_counts')"
	" FROM pg_catalog.pg_class c WHERE c.relkind = 'r'"
	" AND c.relnamespace = 'pg_catalog'::pg_catalog.regnamespace";

/* What no definition is in, and what statistics are in. */
#define NO_DEFINITIONS                                                                             \
	"pg_depend,pg_shdepend,pg_largeobject,pg_largeobject_metadata,pg_statistic,"                   \
	"pg_statistic_ext_data"

static const char *const uncounted[][3] = {
	[STEP_INDEX] = {"{" NO_DEFINITIONS ",pg_class,pg_index,pg_inherits,pg_description,"
					"pg_attribute,pg_constraint,pg_trigger}",
					"{" NO_DEFINITIONS ",pg_class,pg_index,pg_inherits,pg_description}", "f"},
	[STEP_ATTACH] = {"{" NO_DEFINITIONS ",pg_class,pg_index,pg_inherits,pg_description,"
					 "pg_attribute,pg_constraint,pg_trigger}",
					 "{" NO_DEFINITIONS ",pg_class,pg_index,pg_inherits,pg_description,"
					 "pg_attribute,pg_constraint,pg_trigger,pg_partitioned_table}",
					 "t"},
};

char *
definitions_read(Connection *connection, DefinitionsStep step)
{
	PGresult *result = connection_query(connection, counts_query, 3, uncounted[step]);
	char *counts = NULL;

	if (result != NULL && strcmp(PQgetvalue(result, 0, 1), "on") != 0)
		report_error(EXIT_FAILED, NULL, "Set track_counts to on.",
					 "the server does not count changes of its catalogs");
	else if (result != NULL)
		counts = xstrdup(PQgetvalue(result, 0, 0));
	PQclear(result);
	return counts;
}

bool
definitions_same(Connection *connection, DefinitionsStep step, char *before, const char *what)
{
	char *now = definitions_read(connection, step);
	bool good = now != NULL;

	if (good && strcmp(before, now) != 0)
	{
		log_debug("catalogs before: %s; after: %s", before, now);
		good = report_error(
			EXIT_FAILED, "Code of the live database did that in the transaction of this restore.",
			ROWS_AS_SESSION_HINT, "definitions of objects were changed while %s", what);
	}
	free(before);
	free(now);
	return good;
}
