/*-------------------------------------------------------------------------
 *
 * bound_objects.c
 *	  What the objects that a part has made in a live database rest on.
 *
 * A definition is read again when it is restored, and the server takes the
 * function, operator or cast that fits best *now*.  Another role may have made
 * one that fits better, before the backup or since.  Names are looked at before
 * anything is made (live_owners.c, live_names.c, live_types.c), but no look at
 * a text tells all that the server will find for it.  So this asks afterwards,
 * with pg_depend as the witness: what does each object that was made rest on?
 * If that belongs neither to a superuser, nor to the role of the session, nor
 * to the owner of the object, then the entry of the object must depend on it in
 * the archive, too.
 *
 * What is in pg_depend with the id of this transaction was made by it.  Copies
 * that a partition gets from its root (indexes, triggers, foreign keys) are not
 * looked at: they are copied as the server bound them there.
 *
 * The negator and the commutator of an operator are not in pg_depend; but the
 * planner calls them instead of it.  The server links both sides, so that an
 * operator that was there may get a new one of a member of its owner.  Then its
 * entry must say so, and it must belong to whom it did in the backup.
 *
 * It is asked before anything that was made is called, in computing a generated
 * column, a row, an index or a materialized view, and at the end.
 *
 * The entry of the object itself must say so: of the very rule, trigger, policy,
 * index, default or constraint, found by the table that it is of, its kind and its
 * name.  Another entry says nothing, be it of the same table: that a policy calls a
 * function is no reason for a trigger to call it, which runs for others.  What
 * pg_dump writes into the table or domain (a default, a CHECK, a key) has no entry of
 * its own; there the entry of the whole counts, and for what is called also the text
 * of the very part (inline_parts.c).
 *
 *-------------------------------------------------------------------------
 */
#include "bound_objects.h"

#include <stdlib.h>
#include <string.h>

#include "catalog_objects.h"
#include "inline_parts.h"
#include "live_rests.h"
#include "log.h"
#include "memory.h"
#include "part_of.h"
#include "row_copy.h"
#include "selection_closure.h"
#include "session_rights.h"
#include "settings.h"
#include "turn_settings.h"

/* Behind catalog_objects.h: what was written by this transaction, and what that rests on. */
#define FOUND                                                                                      \
	", me AS (SELECT pg_catalog.pg_current_xact_id()::pg_catalog.xid AS id),"                      \
	" found AS (SELECT d.classid, d.objid, d.refclassid, d.refobjid FROM pg_catalog.pg_depend d"   \
	"  JOIN me ON d.xmin = me.id"                                                                  \
	"  WHERE d.refobjid >= 16384"                                                                  \
	"  UNION ALL SELECT o.tableoid, o.oid, o.tableoid, l.link FROM me, pg_catalog.pg_operator o,"  \
	"   LATERAL (VALUES (o.oprnegate), (o.oprcom)) l (link)"                                       \
	"   WHERE o.xmin = me.id AND l.link >= 16384),"                                                \
	" refs AS (SELECT DISTINCT f.classid, f.objid, COALESCE(o.whole_class, f.refclassid)"          \
	"   AS class,"                                                                                 \
	"   COALESCE(o.whole, f.refobjid) AS oid FROM found f"                                         \
	"   LEFT JOIN objects o ON o.class = f.refclassid AND o.oid = f.refobjid"                      \
	"  WHERE f.refclassid NOT IN (SELECT class FROM inert)"                                        \
	"  AND f.classid NOT IN (SELECT class FROM inert WHERE uses))"

/*
 * Of these, what a role that is not trusted can change: the object, what it is
 * part of and its name there, and what it rests on.  No row of objects: nobody
 * knows.
 */
#define RESTS                                                                                      \
	"SELECT pg_catalog.pg_describe_object(refs.classid, refs.objid, 0),"                           \
	" wk.relname, o.whole, pg_catalog.pg_describe_object(refs.class, refs.oid, 0), r.rolname,"     \
	" k.relname, refs.oid, u.id = me.id, ok.relname, o.schema, o.name,"                            \
	" pg_catalog.pg_get_userbyid(w.owner)"                                                         \
	" FROM me, refs JOIN pg_catalog.pg_class k ON k.oid = refs.class"                              \
	" JOIN pg_catalog.pg_class ok ON ok.oid = refs.classid"                                        \
	" LEFT JOIN objects u ON u.class = refs.class AND u.oid = refs.oid"                            \
	" LEFT JOIN objects o ON o.class = refs.classid AND o.oid = refs.objid"                        \
	" LEFT JOIN objects w ON w.class = o.whole_class AND w.oid = o.whole"                          \
	" LEFT JOIN pg_catalog.pg_class wk ON wk.oid = o.whole_class"                                  \
	" LEFT JOIN pg_catalog.pg_roles r ON r.oid = u.owner"                                          \
	" WHERE (o.owner = u.owner) IS NOT TRUE AND o.copied IS NOT TRUE"                              \
	" AND u.copied IS NOT TRUE"                                                                    \
	" AND " ROW_ROLE_IS_TRUSTED " IS NOT TRUE"

/*
 * All of some catalogs is joined, of which the server knows least while they
 * grow: it expects one row where there are thousands, and would go through the
 * other side for each.
 */
static PGresult *
ask_rests(Connection *connection)
{
	static const char set[] =
		"SELECT pg_catalog.current_setting('enable_nestloop'),"
		" pg_catalog.set_config('enable_nestloop', $1::pg_catalog.text, true)";
	const char *value = "off";
	PGresult *before = connection_query(connection, set, 1, &value);
	PGresult *result = NULL;
	PGresult *after = NULL;
	SqlText sql;

	if (before != NULL)
	{
		sql_init(&sql);
		sql_append(&sql, "WITH ");
		catalog_objects_add(&sql);
		sql_append(&sql, FOUND RESTS);
		result = connection_query(connection, &sql, 0, NULL);
		sql_free(&sql);
	}
	if (result != NULL)
	{
		value = PQgetvalue(before, 0, 0);
		after = connection_query(connection, set, 1, &value);
	}
	PQclear(before);
	if (after == NULL)
	{
		PQclear(result);
		return NULL;
	}
	PQclear(after);
	return result;
}

enum
{
	OBJECT,
	WHOLE_CATALOG,
	WHOLE_OID,
	USED,
	USED_OWNER,
	USED_CATALOG,
	USED_OID,
	USED_IS_WRITTEN,
	PART_CATALOG,
	PART_SCHEMA,
	PART_NAME,
	WHOLE_OWNER
};

/* An entry, and where its object is. */
typedef struct Place
{
	const char *catalog;
	const char *oid;
	const TocEntry *entry;
} Place;

/* Sorted by catalog and oid; an object can have several entries ("SHELL TYPE" and "TYPE"). */
typedef struct Places
{
	Place *items;
	size_t count;
} Places;

static int
compare_places(const void *a, const void *b)
{
	const Place *left = a;
	const Place *right = b;
	int result = strcmp(left->catalog, right->catalog);

	return result != 0 ? result : strcmp(left->oid, right->oid);
}

static void
add_place(Places *places, const TocEntry *entry, const char *catalog, const char *oid)
{
	places->items = xrealloc(places->items, (places->count + 1) * sizeof(Place));
	places->items[places->count++] = (Place){catalog, oid, entry};
}

/* Where the entries' objects are among those of `existing`, of all entries or of the restored. */
static Places
find_places(const Selection *selection, const ExistingObjects *existing, bool restored)
{
	Places places = {NULL, 0};
	FoundObject found;
	uint32_t i;

	for (i = 0; i < selection->toc.count; i++)
	{
		const TocEntry *entry = &selection->toc.entries[i];
		const char *catalog = existing_objects_catalog_of(entry);

		if (catalog != NULL && (!restored || selection_includes(selection, entry)) &&
			existing_objects_find(existing, entry, &found))
			add_place(&places, entry, catalog, found.oid);
	}
	return places;
}

/* With --as, relations have other names. */
static void
add_renamed(Places *places, const RenameMap *map, const ExistingObjects *existing)
{
	uint32_t i;

	for (i = 0; i < map->count; i++)
	{
		const Renamed *renamed = &map->items[i];
		const char *oid = existing_objects_relation(existing, renamed->schema, renamed->name);

		if (oid != NULL && toc_entry_is_relation(renamed->entry))
			add_place(places, renamed->entry, "pg_class", oid);
	}
}

static void
sort_places(Places *places)
{
	if (places->count > 0)
		qsort(places->items, places->count, sizeof(Place), compare_places);
}

/* The first of an object's places; NULL: it has none. */
static const Place *
first_place(const Places *places, const char *catalog, const char *oid)
{
	Place wanted = {catalog, oid, NULL};
	const Place *place = places->count == 0 ? NULL
											: bsearch(&wanted, places->items, places->count,
													  sizeof(Place), compare_places);

	while (place != NULL && place > places->items && compare_places(place - 1, &wanted) == 0)
		place--;
	return place;
}

/* The next entry of the same object, or NULL. */
static const Place *
next_place(const Places *places, const Place *place)
{
	const Place *next = place + 1;

	return next < places->items + places->count && compare_places(place, next) == 0 ? next : NULL;
}

static bool
depends_on(const TocEntry *entry, const TocEntry *used)
{
	int d;

	for (d = 0; d < entry->ndepends_on; d++)
	{
		if (entry->depends_on[d] == used->id)
			return true;
	}
	return false;
}

static bool
depends_on_one(const TocEntry *entry, const Places *places, const Place *used)
{
	for (; used != NULL; used = next_place(places, used))
	{
		if (depends_on(entry, used->entry))
			return true;
	}
	return false;
}

/* Is it what makes a part of the table, view or domain: this object of the catalog? */
static bool
makes_part(const TocEntry *entry, const RenameMap *map, const PGresult *result, int row)
{
	static const char *const catalogs[][2] = {{"INDEX", "pg_class"},
											  {"CONSTRAINT", "pg_class"},
											  {"DEFAULT", "pg_attrdef"},
											  {"RULE", "pg_rewrite"},
											  {"CONSTRAINT", "pg_constraint"},
											  {"POLICY", "pg_policy"},
											  {"TRIGGER", "pg_trigger"},
											  {"FK CONSTRAINT", "pg_constraint"},
											  {"STATISTICS", "pg_statistic_ext"},
											  {"CHECK CONSTRAINT", "pg_constraint"}};
	bool fits = false;
	char *text;
	PartOf part;
	size_t i;

	for (i = 0; i < sizeof(catalogs) / sizeof(catalogs[0]); i++)
		fits = fits || (toc_entry_is(entry, catalogs[i][0]) &&
						strcmp(PQgetvalue(result, row, PART_CATALOG), catalogs[i][1]) == 0);
	if (!fits)
		return false;
	text = rename_text(map, entry->definition);
	fits = part_of_read(entry, text, &part);
	free(text);
	if (!fits)
		return false;
	fits = part.name != NULL && strcmp(part.name, PQgetvalue(result, row, PART_NAME)) == 0 &&
		   (part.name_schema == NULL ||
			strcmp(part.name_schema, PQgetvalue(result, row, PART_SCHEMA)) == 0);
	part_of_free(&part);
	return fits;
}

/* The entry that has made the part, or NULL. */
static const TocEntry *
find_part(const Selection *selection, const TocEntry *whole, const RenameMap *map,
		  const PGresult *result, int row)
{
	int i;

	for (i = selection->starts[whole->place]; i < selection->starts[whole->place + 1]; i++)
	{
		const TocEntry *other = archive_toc_find(&selection->toc, selection->dependents[i]);

		if (other != NULL && selection_includes(selection, other) &&
			selection_belongs_to(other, whole) && makes_part(other, map, result, row))
			return other;
	}
	return NULL;
}

/*
 * May a part without an entry of its own call the function or operator that the
 * table, or domain, depends on?  It names it itself; or it is that of a cast,
 * which no text names.  That another part names it says nothing against that.
 */
static bool
may_call(const Selection *selection, const char *text, const TocEntry *used)
{
	return inline_part_names(text, used) || live_code_is_of_cast(selection, used);
}

/*
 * Does a part inside the definition of a table or domain use the thing in
 * the backup?  What stands nowhere there is that of a parent.
 */
static bool
inline_says_so(const Selection *selection, const TocEntry *whole, const char *definition,
			   const PGresult *result, int row, const Places *places, const Place *first)
{
	static const char *const called[] = {"FUNCTION", "AGGREGATE", "OPERATOR", NULL};
	const char *catalog = PQgetvalue(result, row, PART_CATALOG);
	InlineKind kind = strcmp(catalog, "pg_attrdef") == 0      ? INLINE_COLUMN
					  : strcmp(catalog, "pg_constraint") == 0 ? INLINE_CONSTRAINT
															  : INLINE_WHOLE;
	char *text;
	InlineRead read =
		inline_part_read(whole, definition, kind, PQgetvalue(result, row, PART_NAME), &text);
	const TocEntry *parent;
	const Place *used;
	bool good = false;
	uint32_t i;

	for (used = first; used != NULL && !good; used = next_place(places, used))
		good = depends_on(whole, used->entry) &&
			   (!toc_entry_is_any(used->entry, called) ||
				(text != NULL && may_call(selection, text, used->entry)));
	for (i = 0; !good && read == INLINE_ABSENT && kind != INLINE_WHOLE &&
				(parent = inline_parts_parent(&selection->toc, whole, i)) != NULL;
		 i++)
		good = inline_says_so(selection, parent, parent->definition, result, row, places, first);
	free(text);
	return good;
}

/* Does the entry that has made the object depend on the thing in the archive? */
static bool
archive_says_so(const Selection *selection, const TocEntry *whole, const RenameMap *map,
				const PGresult *result, int row, const Places *places, const Place *used)
{
	static const char *const within[] = {"TABLE", "FOREIGN TABLE", "DOMAIN", NULL};
	const char *catalog = PQgetvalue(result, row, PART_CATALOG);
	bool named = !PQgetisnull(result, row, PART_NAME);
	const TocEntry *part = named ? find_part(selection, whole, map, result, row) : NULL;
	char *definition;
	bool good;

	if (part != NULL && depends_on_one(part, places, used))
		return true;
	/* The first columns of a view whose query comes later are the view's. */
	if (named && strcmp(catalog, "pg_rewrite") == 0)
		return strcmp(PQgetvalue(result, row, PART_NAME), "_RETURN") == 0 &&
			   depends_on_one(whole, places, used);
	if (part != NULL ||
		(named && strcmp(catalog, "pg_attrdef") != 0 && strcmp(catalog, "pg_constraint") != 0))
		return false;
	if (!toc_entry_is_any(whole, within))
		return depends_on_one(whole, places, used);
	definition = rename_text(map, whole->definition);
	good = inline_says_so(selection, whole, definition, result, row, places, used);
	free(definition);
	return good;
}

static bool
refuse(const PGresult *result, int row)
{
	report_error(
		EXIT_FAILED, "A definition is read again when it is restored, and this fits it best now.",
		NEW_DATABASE_HINT, "%s would use %s of role \"%s\", which it does not in the backup",
		PQgetvalue(result, row, OBJECT), PQgetvalue(result, row, USED),
		PQgetvalue(result, row, USED_OWNER));
	return false;
}

/*
 * What it rests on: what was there when the names were looked at, or, if this
 * transaction has written it and it was not there, what was restored.  Written
 * does not mean made: a table that gets its first foreign key, child or
 * partition is written, too.
 */
static const Place *
find_used(const Places *made, const PGresult *result, int row, const Places **places)
{
	const char *catalog = PQgetvalue(result, row, USED_CATALOG);
	const char *oid = PQgetvalue(result, row, USED_OID);
	const Place *used = first_place(*places, catalog, oid);

	if (used != NULL || PQgetvalue(result, row, USED_IS_WRITTEN)[0] != 't')
		return used;
	*places = made;
	return first_place(made, catalog, oid);
}

/*
 * What was there and has got more now, an operator a link, or a family what an
 * operator class is made of, if its owner is still that of the backup.
 */
static const Place *
find_grown(const Places *before, const PGresult *result, int row)
{
	static const char *const grows[] = {"OPERATOR", "OPERATOR FAMILY", NULL};
	const Place *place = first_place(before, PQgetvalue(result, row, WHOLE_CATALOG),
									 PQgetvalue(result, row, WHOLE_OID));

	if (place == NULL || !toc_entry_is_any(place->entry, grows))
		return NULL;
	return strcmp(place->entry->owner, PQgetvalue(result, row, WHOLE_OWNER)) == 0 ? place : NULL;
}

/*
 * Does it belong to whom it did in the backup?  What was not known to be used
 * when the names were looked at can have changed hands, or been made again.
 */
static bool
is_of_owner(const Place *used, const PGresult *result, int row)
{
	const char *owner = used->entry->owner;

	return owner[0] == '\0' || strcmp(owner, PQgetvalue(result, row, USED_OWNER)) == 0;
}

/* `made`: what was restored; `before`: what was there when the names were looked at. */
static bool
check_all(const Selection *selection, const RenameMap *map, const PGresult *result,
		  const Places *made, const Places *before)
{
	int row;

	for (row = 0; row < PQntuples(result); row++)
	{
		const Places *places = before;
		const Place *used = find_used(made, result, row, &places);
		const Place *whole = first_place(made, PQgetvalue(result, row, WHOLE_CATALOG),
										 PQgetvalue(result, row, WHOLE_OID));
		const Place *grown = whole == NULL ? find_grown(before, result, row) : NULL;
		bool known = used != NULL && is_of_owner(used, result, row);
		bool good = known && grown != NULL && depends_on_one(grown->entry, places, used);

		for (; !good && known && whole != NULL; whole = next_place(made, whole))
			good = archive_says_so(selection, whole->entry, map, result, row, places, used);
		if (!good)
			return refuse(result, row);
	}
	return true;
}

void
bound_objects_note(const RestorePlan *plan, const TocEntry *entry)
{
	/* What nothing can call, or look through. */
	static const char *const ends[] = {
		"SEQUENCE",   "SEQUENCE OWNED BY", "INDEX", "CONSTRAINT", "INDEX ATTACH", "TABLE ATTACH",
		"STATISTICS", "ROW SECURITY",      "ACL",   "COMMENT",    "SCHEMA",       "FK CONSTRAINT",
		NULL};
	/* What is called by who reads or writes rows of the table. */
	static const char *const of_rows[] = {"TABLE",   "FOREIGN TABLE", "DEFAULT",
										  "TRIGGER", "POLICY",        NULL};

	if (toc_entry_is_any(entry, of_rows))
		plan->progress->unbound_rows = true;
	else if (!toc_entry_is_any(entry, ends))
		plan->progress->unbound = true;
}

bool
bound_objects_settle(const RestorePlan *plan, Connection *connection, const RenameMap *map)
{
	return !plan->progress->unbound || bound_objects_check(plan, connection, map);
}

bool
bound_objects_settle_rows(const RestorePlan *plan, Connection *connection, const RenameMap *map)
{
	return (!plan->progress->unbound && !plan->progress->unbound_rows) ||
		   bound_objects_check(plan, connection, map);
}

bool
bound_objects_check(const RestorePlan *plan, Connection *connection, const RenameMap *map)
{
	const Selection *selection = plan->selection;
	ExistingObjects *after = NULL;
	PGresult *result;
	bool good;

	plan->progress->unbound = plan->progress->unbound_rows = false;
	if (plan->settings->turns->rows_as == ROWS_AS_SESSION)
		return true;
	result = ask_rests(connection);
	good = result != NULL;
	if (good && PQntuples(result) > 0)
	{
		after = existing_objects_read(connection);
		good = after != NULL;
	}
	if (after != NULL)
	{
		Places made = find_places(selection, after, true);
		Places before = find_places(selection, selection->existing, false);

		add_renamed(&made, map, after);
		sort_places(&made);
		sort_places(&before);
		good = check_all(selection, map, result, &made, &before);
		free(made.items);
		free(before.items);
	}
	existing_objects_free(after);
	PQclear(result);
	return good;
}
