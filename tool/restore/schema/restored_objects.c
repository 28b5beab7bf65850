/*-------------------------------------------------------------------------
 *
 * restored_objects.c
 *	  Does a database have what the archive of its schema lists?
 *
 * An exit code of pg_restore says that nothing failed of what it tried.  That
 * it tried everything is our affair: lists are written, read, and cut into
 * passes.  So in the end the objects are counted.
 *
 * By kind, not by name: pg_restore --list mangles names, and an entry's name
 * is not always that of the object.  At least as many, not as many: template1
 * may bring some, and partitions get copies of what the parent has.
 *
 *-------------------------------------------------------------------------
 */
#include "restored_objects.h"

#include <stdlib.h>
#include <string.h>

#include "archive_listing.h"
#include "log.h"
#include "memory.h"
#include "object_errors.h"
#include "part_settings.h"
#include "selection.h"
#include "head_settings.h"
#include "settings.h"

/* Objects that no extension brought. */
#define OF_USERS(class, oid)                                                                       \
	" AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.classid = 'pg_catalog." class     \
		"'::pg_catalog.regclass AND d.objid = " oid " AND d.deptype = 'e')"

#define RELATIONS(kinds)                                                                           \
	"SELECT pg_catalog.count(*) FROM pg_catalog.pg_class c WHERE c.relkind IN (" kinds             \
	") AND c.oid >= 16384 AND c.relpersistence <> 't'" OF_USERS("pg_class", "c.oid")

#define CONSTRAINTS(kinds)                                                                         \
	"SELECT pg_catalog.count(*) FROM pg_catalog.pg_constraint k WHERE k.contype IN (" kinds        \
	") AND k.conrelid >= 16384"

/* A kind of entries, and how many objects of that kind there are. */
typedef struct Kind
{
	const char *kind;
	const char *other; /* counted together, or NULL */
	const char *query;
} Kind;

static const Kind kinds[] = {
	{"TABLE", NULL, RELATIONS("'r', 'p'")},
	{"FOREIGN TABLE", NULL, RELATIONS("'f'")},
	{"VIEW", NULL, RELATIONS("'v'")},
	{"MATERIALIZED VIEW", NULL, RELATIONS("'m'")},
	{"SEQUENCE", NULL, RELATIONS("'S'")},
	{"INDEX", NULL,
	 "SELECT pg_catalog.count(*) FROM pg_catalog.pg_index i WHERE i.indexrelid >= 16384"
	 " AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint k"
	 "  WHERE k.conindid = i.indexrelid AND k.contype IN ('p', 'u', 'x'))"},
	/* From 18 on, NOT NULL that is not valid has an entry of its own. */
	{"CONSTRAINT", NULL,
	 CONSTRAINTS("'p', 'u', 'x', 'n'") " AND (k.contype <> 'n' OR NOT k.convalidated)"},
	{"FK CONSTRAINT", NULL, CONSTRAINTS("'f'")},
	/* Of a domain, too, that is not valid, or calls a function of the domain. */
	{"CHECK CONSTRAINT", NULL,
	 "SELECT pg_catalog.count(*) FROM pg_catalog.pg_constraint k WHERE k.contype = 'c'"
	 " AND (k.conrelid >= 16384 OR k.contypid >= 16384)"},
	{"INDEX ATTACH", "TABLE ATTACH",
	 "SELECT pg_catalog.count(*) FROM pg_catalog.pg_inherits h JOIN pg_catalog.pg_class c"
	 " ON c.oid = h.inhrelid WHERE c.relispartition"},
	{"TRIGGER", NULL,
	 /* Of a partition's copy, pg_dump lists whether it is enabled, if that differs. */
	 "SELECT pg_catalog.count(*) FROM pg_catalog.pg_trigger t LEFT JOIN pg_catalog.pg_trigger u"
	 " ON u.oid = t.tgparentid WHERE (NOT t.tgisinternal AND t.tgparentid = 0)"
	 " OR t.tgenabled <> u.tgenabled"},
	{"RULE", NULL,
	 "SELECT pg_catalog.count(*) FROM pg_catalog.pg_rewrite w JOIN pg_catalog.pg_class c"
	 " ON c.oid = w.ev_class WHERE w.oid >= 16384"},
	{"POLICY", NULL, "SELECT pg_catalog.count(*) FROM pg_catalog.pg_policy"},
	{"EVENT TRIGGER", NULL, "SELECT pg_catalog.count(*) FROM pg_catalog.pg_event_trigger"},
	{"STATISTICS", NULL, "SELECT pg_catalog.count(*) FROM pg_catalog.pg_statistic_ext"},
	{"FUNCTION", "PROCEDURE",
	 "SELECT pg_catalog.count(*) FROM pg_catalog.pg_proc p WHERE p.oid >= 16384"
	 " AND p.prokind IN ('f', 'p', 'w')" OF_USERS("pg_proc", "p.oid")},
	{"AGGREGATE", NULL,
	 "SELECT pg_catalog.count(*) FROM pg_catalog.pg_proc p WHERE p.oid >= 16384"
	 " AND p.prokind = 'a'" OF_USERS("pg_proc", "p.oid")},
	{"EXTENSION", NULL, "SELECT pg_catalog.count(*) FROM pg_catalog.pg_extension"},
};

/* How many entries there are of a kind. */
static uint64_t
listed(const RestorePlan *plan, const ArchiveListing *listing, const Kind *kind)
{
	uint64_t count = 0;
	uint32_t i;

	for (i = 0; i < listing->count; i++)
	{
		const ArchiveEntry *entry = &listing->entries[i];

		if (object_errors_has(plan, entry->id))
			continue;
		/* To attach is no object.  A table in schema "ATTACH" is one. */
		if ((entry->catalog == 0) == (strstr(kind->kind, " ATTACH") != NULL))
			count += archive_entry_is(entry, kind->kind) ||
					 (kind->other != NULL && archive_entry_is(entry, kind->other));
	}
	return count;
}

/* In a restore that goes on: something that depends on what could not be restored. */
static void
note_missing(const RestorePlan *plan, const Kind *kind, uint64_t wanted, uint64_t found)
{
	char *label =
		xasprintf("%llu of %llu objects of kind %s", (unsigned long long) (wanted - found),
				  (unsigned long long) wanted, kind->kind);

	object_errors_add(plan, NULL, false, label, "", "they are not there", 0);
	free(label);
}

static bool
check_kind(const RestorePlan *plan, Connection *connection, const ArchiveListing *listing,
		   const Kind *kind)
{
	uint64_t wanted = listed(plan, listing, kind);
	PGresult *result = wanted > 0 ? connection_query(connection, kind->query, 0, NULL) : NULL;
	uint64_t found = result != NULL ? strtoull(PQgetvalue(result, 0, 0), NULL, 10) : 0;
	bool good = wanted == 0 || result != NULL;

	PQclear(result);
	if (good && found < wanted && plan->progress->errors != NULL)
		note_missing(plan, kind, wanted, found);
	else if (good && found < wanted)
		good = report_error(EXIT_FAILED, NULL,
							"With --on-object-error=skip the database is kept, and what is missing "
							"is listed.",
							"the archive lists %llu entries of kind %s, but the database has %llu",
							(unsigned long long) wanted, kind->kind, (unsigned long long) found);
	return good;
}

/* Of a part, those that it brought. */
static bool
was_restored(const RestorePlan *plan, const char *schema, const char *name)
{
	const Selection *selection = plan->selection;
	uint32_t i;

	for (i = 0; selection != NULL && i < selection->toc.count; i++)
	{
		const TocEntry *entry = &selection->toc.entries[i];

		if (toc_entry_is(entry, "MATERIALIZED VIEW") && selection_includes(selection, entry) &&
			strcmp(entry->schema, schema) == 0 && strcmp(entry->tag, name) == 0)
			return true;
	}
	return selection == NULL;
}

bool
restored_objects_unpopulated(const RestorePlan *plan, Connection *connection)
{
	PGresult *result;
	bool good;
	int i;

	if (plan->settings->part->schema_only)
		return true;
	result = connection_query(connection,
							  "SELECT n.nspname, c.relname,"
							  " pg_catalog.format('%I.%I', n.nspname, c.relname)"
							  " FROM pg_catalog.pg_class c"
							  " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
							  " WHERE c.relkind = 'm' AND NOT c.relispopulated"
							  " ORDER BY n.nspname COLLATE \"C\", c.relname COLLATE \"C\"",
							  0, NULL);
	good = result != NULL;
	plan->result->unpopulated = xcalloc(1, sizeof(Lines));
	for (i = 0; good && i < PQntuples(result); i++)
	{
		if (was_restored(plan, PQgetvalue(result, i, 0), PQgetvalue(result, i, 1)))
			lines_add(plan->result->unpopulated, xstrdup(PQgetvalue(result, i, 2)));
	}
	PQclear(result);
	return good;
}

bool
restored_objects_check(const RestorePlan *plan)
{
	ConnectionTarget *target = target_with_database(plan->target, plan->working);
	Connection *connection = head_settings_connect(plan, target);
	ArchiveListing listing;
	bool good = connection != NULL;
	size_t i;

	memset(&listing, 0, sizeof(listing));
	good = good && archive_listing_read(plan, "--verbose", NULL, &listing);
	for (i = 0; good && i < sizeof(kinds) / sizeof(kinds[0]); i++)
		good = check_kind(plan, connection, &listing, &kinds[i]);
	good = good && restored_objects_unpopulated(plan, connection);
	archive_listing_free(&listing);
	connection_close(connection);
	target_free(target);
	return good;
}
