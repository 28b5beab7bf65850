/*-------------------------------------------------------------------------
 *
 * live_views.c
 *	  What a materialized view reads when it is filled in a live database.
 *
 * It is filled with the rights of its owner.  If that is a superuser or the role
 * of the session, everything that others have written must be kept from being
 * computed.  What the query calls by name was looked at before (live_names.c);
 * this looks at what it reads:
 *
 * - text of views, and what is behind a foreign table, belongs to their owners.
 *   A materialized view of others cannot be locked against new indexes;
 * - the query is planned over the tables, so their owners' indexes and
 *   statistics are computed (planner_code.c);
 * - types of values: to_jsonb() calls the cast to json that the owner of a type
 *   has made, also of the row type of a table, and literals and conversions
 *   check domains.  Neither has an entry in pg_depend.  So the types are read
 *   from the text of the query, with those of their parts, and must not be
 *   those of others; but enums may, where no function is called that could look
 *   for a cast.  What the server looks up for them must not be of others, either:
 *   operator classes, and casts.
 *
 * Where the session cannot lock the tables, they must not be those of others
 * (row_owners.c).
 *
 *-------------------------------------------------------------------------
 */
#include "live_views.h"

#include <stdlib.h>

#include "code_owners.h"
#include "given_code.h"
#include "live_refusal.h"
#include "memory.h"
#include "planner_code.h"
#include "row_owners.h"

static const char owner_query[] = "SELECT " ROW_ROLE_IS_TRUSTED " FROM pg_catalog.pg_class c"
								  " JOIN pg_catalog.pg_roles r ON r.oid = c.relowner"
								  " WHERE c.oid = pg_catalog.to_regclass($1::pg_catalog.text)";

/* Something of others that is read, and the tables. */
static const char reads_query[] =
	"WITH RECURSIVE relations AS (SELECT c.oid, c.relkind, c.relowner, true AS open"
	"   FROM pg_catalog.pg_class c WHERE c.oid = pg_catalog.to_regclass($1::pg_catalog.text)"
	"  UNION SELECT c.oid, c.relkind, c.relowner, c.relkind = 'v'"
	"   FROM relations JOIN pg_catalog.pg_rewrite w"
	"    ON w.ev_class = relations.oid AND w.ev_type = '1' AND relations.open"
	"   JOIN pg_catalog.pg_depend d ON d.objid = w.oid"
	"    AND d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass"
	"    AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass"
	"   JOIN pg_catalog.pg_class c ON c.oid = d.refobjid"
	"   WHERE c.oid <> pg_catalog.to_regclass($1::pg_catalog.text)),"
	" read AS (SELECT * FROM relations WHERE oid <> pg_catalog.to_regclass($1::pg_catalog.text)"
	"  UNION SELECT c.oid, c.relkind, c.relowner, false FROM read JOIN pg_catalog.pg_inherits i"
	"   ON i.inhparent = read.oid JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid),"
	" texts AS (SELECT w.ev_action::pg_catalog.text AS text FROM relations"
	"   JOIN pg_catalog.pg_rewrite w ON w.ev_class = relations.oid AND w.ev_type = '1'"
	"    AND relations.open),"
	" parts AS (SELECT m.found[1]::pg_catalog.oid AS oid FROM texts,"
	"   pg_catalog.regexp_matches(text, ':[a-zA-Z_]*type[a-zA-Z_]* (\\d+)', 'g') AS m (found)"
	"   WHERE m.found[1]::pg_catalog.int8 >= 16384"
	"  UNION SELECT p.part FROM parts JOIN pg_catalog.pg_type t ON t.oid = parts.oid, LATERAL ("
	"   SELECT t.typelem UNION ALL SELECT t.typbasetype"
	"   UNION ALL SELECT a.atttypid FROM pg_catalog.pg_attribute a WHERE a.attrelid = t.typrelid"
	"    AND t.typrelid <> 0 AND a.attnum > 0 AND NOT a.attisdropped"
	"   UNION ALL SELECT g.rngsubtype FROM pg_catalog.pg_range g"
	"    WHERE t.oid IN (g.rngtypid, g.rngmultitypid)) p (part) WHERE p.part >= 16384),"
	" casting AS (SELECT 1 FROM texts WHERE " EXPRESSION_MAY_CAST("text") "), " CODE_OF(
		"SELECT 'pg_catalog.pg_type'::pg_catalog.regclass::pg_catalog.oid, "
		"oid FROM parts") ", found AS (SELECT pg_catalog.format('%s %s', "
						  "CASE "
						  "relkind WHEN 'v' THEN 'view'"
						  "    WHEN 'm' THEN 'materialized view' ELSE "
						  "'foreign "
						  "table' END,"
						  "    oid::pg_catalog.regclass) AS what, relowner "
						  "AS o "
						  "FROM read WHERE relkind IN ('v', 'm', 'f')"
						  "  UNION ALL SELECT 'values of type ' || "
						  "t.oid::pg_catalog.regtype::pg_catalog.text, "
						  "t.typowner"
						  "   FROM parts JOIN pg_catalog.pg_type t ON t.oid "
						  "= "
						  "parts.oid"
						  "   LEFT JOIN pg_catalog.pg_type e ON e.oid = "
						  "t.typelem AND t.typlen = -1"
						  "   WHERE COALESCE(e.typtype, t.typtype) <> 'e' OR "
						  "EXISTS (SELECT FROM casting)"
						  "  UNION ALL " CODE_OWNERS ")"
						  "SELECT (SELECT pg_catalog.min(what) FROM found "
						  "JOIN "
						  "pg_catalog.pg_roles r ON r.oid = found.o"
						  "  WHERE NOT " ROW_ROLE_IS_TRUSTED "),"
						  " (SELECT pg_catalog.array_agg(oid) FROM read "
						  "WHERE "
						  "relkind IN ('r', 'p', 'm', 'f'))";

bool
live_view_is_trusted(Connection *connection, const char *target, bool *trusted)
{
	PGresult *result = connection_query(connection, owner_query, 1, &target);

	*trusted = result != NULL && PQntuples(result) == 1 && PQgetvalue(result, 0, 0)[0] == 't';
	PQclear(result);
	return result != NULL;
}

/* What the planner would compute of the tables, or others could add to them; caller frees. */
static bool
find_code(const RestorePlan *plan, Connection *connection, const char *tables, char **found)
{
	PlannerCode code;
	bool at_stake;

	if (!session_rights_at_stake(plan->settings, connection, &at_stake))
		return false;
	if (!at_stake)
		return row_owners_of_tables(connection, tables, found);
	if (!planner_code_lock(plan->settings, connection, tables) ||
		!planner_code_read(connection, tables, &code))
		return false;
	*found = code.others != NULL ? xstrdup(code.others) : NULL;
	planner_code_free(&code);
	return true;
}

static bool
refuse(const TocEntry *entry, const char *found)
{
	char *detail = xasprintf("It belongs to a superuser or to you, and reads %s, which others can "
							 "change.",
							 found);

	live_code_refuse(entry, detail);
	free(detail);
	return false;
}

bool
live_view_check(const RestorePlan *plan, Connection *connection, const TocEntry *entry,
				const char *target)
{
	PGresult *result = connection_query(connection, reads_query, 1, &target);
	char *found = NULL;
	bool good = result != NULL;

	/* Under the locks once more: a child of a table may be a foreign one by now. */
	if (good && !PQgetisnull(result, 0, 1))
	{
		good = find_code(plan, connection, PQgetvalue(result, 0, 1), &found);
		PQclear(result);
		result = good ? connection_query(connection, reads_query, 1, &target) : NULL;
		good = result != NULL;
	}
	if (good && !PQgetisnull(result, 0, 0))
		good = refuse(entry, PQgetvalue(result, 0, 0));
	else if (good && found != NULL)
		good = refuse(entry, found);
	PQclear(result);
	free(found);
	return good && given_code_check_view(connection, entry, target);
}
