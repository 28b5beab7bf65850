/*-------------------------------------------------------------------------
 *
 * bound_objects.c
 *	  What the objects that a part has made in a live database rest on.
 *
 * Before anything is made, names are looked at: what is there under them, and
 * who could change that (live_owners.c, live_names.c, live_types.c).  This asks
 * the other way round, once the server has bound the names: what does pg_depend
 * say?  Whatever of other roles an object of a superuser or of the session's
 * role rests on must be by its oid one of the things that the part was found to
 * use, or have been made by this transaction.  Anything else was given a name
 * meanwhile, which a session that is not a superuser's cannot prevent, or is
 * nothing that the backup has an entry for.
 *
 * What is in pg_depend with the id of this transaction was made by it;
 * triggers and foreign keys that a partition gets from its root are the root's.
 *
 *-------------------------------------------------------------------------
 */
#include "bound_objects.h"

#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "memory.h"
#include "row_copy.h"
#include "row_rights.h"

/*
 * What was written into pg_depend by this transaction, of objects of trusted
 * roles.  An array counts as its elements, a row type as its table, and an
 * index as the table that it is of.
 */
static const char rests_query[] =
	"WITH me AS (SELECT pg_catalog.pg_current_xact_id()::pg_catalog.xid AS id),"
	" things (class, oid, owner, id) AS ("
	"  SELECT tableoid, oid, relowner, xmin FROM pg_catalog.pg_class"
	"  UNION ALL SELECT tableoid, oid, typowner, xmin FROM pg_catalog.pg_type"
	"  UNION ALL SELECT tableoid, oid, proowner, xmin FROM pg_catalog.pg_proc"
	"  UNION ALL SELECT tableoid, oid, oprowner, xmin FROM pg_catalog.pg_operator"
	"  UNION ALL SELECT tableoid, oid, opcowner, xmin FROM pg_catalog.pg_opclass"
	"  UNION ALL SELECT tableoid, oid, srvowner, xmin FROM pg_catalog.pg_foreign_server),"
	" owned (class, oid, owner) AS (SELECT class, oid, owner FROM things"
	"  UNION ALL SELECT w.tableoid, w.oid, c.relowner FROM pg_catalog.pg_rewrite w"
	"   JOIN pg_catalog.pg_class c ON c.oid = w.ev_class"
	"  UNION ALL SELECT a.tableoid, a.oid, c.relowner FROM pg_catalog.pg_attrdef a"
	"   JOIN pg_catalog.pg_class c ON c.oid = a.adrelid"
	"  UNION ALL SELECT k.tableoid, k.oid, c.relowner FROM pg_catalog.pg_constraint k"
	"   JOIN pg_catalog.pg_class c ON c.oid = k.conrelid WHERE k.conparentid = 0"
	"  UNION ALL SELECT k.tableoid, k.oid, t.typowner FROM pg_catalog.pg_constraint k"
	"   JOIN pg_catalog.pg_type t ON t.oid = k.contypid"
	"  UNION ALL SELECT g.tableoid, g.oid, c.relowner FROM pg_catalog.pg_trigger g"
	"   JOIN pg_catalog.pg_class c ON c.oid = g.tgrelid WHERE g.tgparentid = 0"
	"  UNION ALL SELECT p.tableoid, p.oid, c.relowner FROM pg_catalog.pg_policy p"
	"   JOIN pg_catalog.pg_class c ON c.oid = p.polrelid"
	"  UNION ALL SELECT s.tableoid, s.oid, s.stxowner FROM pg_catalog.pg_statistic_ext s),"
	" found AS (SELECT d.classid, d.objid, d.refclassid, d.refobjid FROM pg_catalog.pg_depend d, me"
	"  WHERE d.xmin = me.id AND d.refobjid >= 16384),"
	" types AS (SELECT f.classid, f.objid, COALESCE(e.oid, g.rngtypid, t.oid) AS oid FROM found f"
	"  JOIN pg_catalog.pg_type t ON t.oid = f.refobjid AND t.tableoid = f.refclassid"
	"  LEFT JOIN pg_catalog.pg_type e ON e.oid = t.typelem AND e.typarray = t.oid"
	"  LEFT JOIN pg_catalog.pg_range g ON g.rngmultitypid = t.oid),"
	" refs AS (SELECT y.classid, y.objid, COALESCE(c.tableoid, t.tableoid) AS class,"
	"   COALESCE(c.oid, t.oid) AS oid FROM types y JOIN pg_catalog.pg_type t ON t.oid = y.oid"
	"   LEFT JOIN pg_catalog.pg_class c ON c.oid = t.typrelid AND c.relkind <> 'c'"
	"  UNION ALL SELECT f.classid, f.objid, CASE c.relkind WHEN 'c' THEN t.tableoid"
	"    ELSE c.tableoid END, CASE c.relkind WHEN 'c' THEN t.oid ELSE COALESCE(i.indrelid, c.oid) "
	"END"
	"   FROM found f JOIN pg_catalog.pg_class c ON c.oid = f.refobjid AND c.tableoid = f.refclassid"
	"   LEFT JOIN pg_catalog.pg_index i ON i.indexrelid = c.oid"
	"   LEFT JOIN pg_catalog.pg_type t ON t.oid = c.reltype"
	"  UNION ALL SELECT f.classid, f.objid, f.refclassid, f.refobjid FROM found f"
	"   WHERE f.refclassid NOT IN ('pg_catalog.pg_class'::pg_catalog.regclass,"
	"    'pg_catalog.pg_type'::pg_catalog.regclass))"
	"SELECT pg_catalog.pg_describe_object(refs.classid, refs.objid, 0),"
	" pg_catalog.pg_describe_object(refs.class, refs.oid, 0), o.rolname, k.relname, refs.oid"
	" FROM me, refs JOIN things ON things.class = refs.class AND things.oid = refs.oid"
	" JOIN pg_catalog.pg_roles o ON o.oid = things.owner"
	" JOIN owned ON owned.class = refs.classid AND owned.oid = refs.objid"
	" JOIN pg_catalog.pg_roles r ON r.oid = owned.owner"
	" JOIN pg_catalog.pg_class k ON k.oid = refs.class"
	" WHERE things.id <> me.id AND " ROW_ROLE_IS_TRUSTED
	" AND NOT (o.rolsuper OR o.rolname = SESSION_USER)";

/* Is it used by what is restored, as far as the archive says? */
static bool
is_used(const Selection *selection, const TocEntry *entry)
{
	int i;

	if (selection_state(selection, entry->id) == ENTRY_EXISTING)
		return true;
	for (i = selection->starts[entry->place];
		 !selection->renames && i < selection->starts[entry->place + 1]; i++)
	{
		const TocEntry *user = archive_toc_find(&selection->toc, selection->dependents[i]);

		if (user != NULL && selection_includes(selection, user))
			return true;
	}
	return false;
}

/* Was the object looked at, as what an entry speaks of? */
static bool
is_known(const Selection *selection, const char *catalog, const char *oid)
{
	uint32_t i;
	int number = 0;
	const char *name;

	while ((name = existing_objects_catalog(number)) != NULL && strcmp(name, catalog) != 0)
		number++;
	for (i = 0; name != NULL && i < selection->toc.count; i++)
	{
		const TocEntry *entry = &selection->toc.entries[i];
		FoundObject found;

		if (existing_objects_is_in(entry, number) &&
			existing_objects_find(selection->existing, entry, &found) &&
			strcmp(found.oid, oid) == 0 && is_used(selection, entry))
			return true;
	}
	return false;
}

static bool
refuse(const PGresult *result, int row)
{
	char *detail = xasprintf("It is used by %s.", PQgetvalue(result, row, 0));

	report_error(EXIT_FAILED, detail, NEW_DATABASE_HINT,
				 "%s belongs to \"%s\", and is not what the backup speaks of",
				 PQgetvalue(result, row, 1), PQgetvalue(result, row, 2));
	free(detail);
	return false;
}

bool
bound_objects_check(const RestorePlan *plan, Connection *connection)
{
	PGresult *result;
	bool good;
	int i;

	if (plan->settings->rows_as == ROWS_AS_SESSION)
		return true;
	result = connection_query(connection, rests_query, 0, NULL);
	good = result != NULL;
	for (i = 0; good && i < PQntuples(result); i++)
		good = is_known(plan->selection, PQgetvalue(result, i, 3), PQgetvalue(result, i, 4)) ||
			   refuse(result, i);
	PQclear(result);
	return good;
}
