/*-------------------------------------------------------------------------
 *
 * published_rows.c
 *	  Rows of a part that subscribers would get.
 *
 * A publication of all tables, or of a schema, has each new table at once.  A
 * subscriber that does not have the table, or still has its rows, stops at the
 * first row, for all tables, and its slot keeps WAL until the disk is full.  A
 * restore is not the place to find that out, least of all with --as, which is
 * only for a look.
 *
 * The server is asked which publications have the tables when these are made:
 * it knows partitions, roots and unlogged tables.  Publications of single
 * tables get theirs back behind the rows, and send none.  Without a slot for
 * logical decoding nobody gets anything.
 *
 *-------------------------------------------------------------------------
 */
#include "published_rows.h"

#include <stdlib.h>

#include "log.h"
#include "memory.h"
#include "restore_settings.h"
#include "settings.h"

#define PUBLISHED_HINT                                                                             \
	"Restore into another database with --to.  Or see to it that the subscribers have the tables " \
	"without these rows, and use --yes."

/* Of the tables in $1: the first that is published, by what, how many are, and a slot. */
static const char published_query[] =
	"WITH made AS (SELECT pg_catalog.to_regclass(name)::pg_catalog.oid AS oid"
	"  FROM pg_catalog.unnest($1::pg_catalog.text[]) AS m (name))"
	" SELECT pg_catalog.min(pg_catalog.format('%I.%I', t.schemaname, t.tablename)),"
	"  pg_catalog.min(t.pubname::pg_catalog.text), pg_catalog.count(DISTINCT made.oid),"
	"  (SELECT pg_catalog.min(s.slot_name::pg_catalog.text)"
	"   FROM pg_catalog.pg_replication_slots s"
	"   WHERE s.slot_type = 'logical' AND s.database = pg_catalog.current_database())"
	" FROM pg_catalog.pg_publication_tables t"
	"  JOIN pg_catalog.pg_publication p ON p.pubname = t.pubname AND p.pubinsert"
	"  JOIN pg_catalog.pg_namespace n ON n.nspname = t.schemaname"
	"  JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = t.tablename"
	"  JOIN made ON made.oid = c.oid";

enum
{
	FIRST_TABLE,
	FIRST_PUBLICATION,
	TABLE_COUNT,
	FIRST_SLOT
};

static bool
tell(const RestorePlan *plan, const PGresult *published)
{
	static const char what[] = "rows of %s%s would be sent to subscribers";
	unsigned long others = strtoul(PQgetvalue(published, 0, TABLE_COUNT), NULL, 10) - 1;
	const char *table = PQgetvalue(published, 0, FIRST_TABLE);
	char *more = others > 0 ? xasprintf(" and of %lu other tables", others) : xstrdup("");
	char *detail = xasprintf(
		"Publication \"%s\" has each new table, and replication slot \"%s\" is "
		"there for a subscriber. One that has no such table, or has its rows, "
		"stops there, and gets nothing of other tables either.",
		PQgetvalue(published, 0, FIRST_PUBLICATION), PQgetvalue(published, 0, FIRST_SLOT));
	bool meant = plan->settings->restore->yes;

	if (meant)
		log_warning_hint(detail, what, table, more);
	else
		report_error(EXIT_FAILED, detail, PUBLISHED_HINT, what, table, more);
	free(detail);
	free(more);
	return meant;
}

bool
published_rows_check(const RestorePlan *plan, Connection *connection, const RenameMap *map)
{
	const char *params[1];
	PGresult *published;
	uint64_t rows = 0;
	Buffer tables;
	uint32_t i;
	bool good;

	for (i = 0; i < plan->manifest->ntables; i++)
		rows += plan->manifest->tables[i].rows;
	if (rows == 0)
		return true;
	buffer_init(&tables);
	rename_list_tables(plan->selection, map, &tables);
	params[0] = tables.data;
	published = connection_query(connection, published_query, 1, params);
	good = published != NULL;
	if (good && !PQgetisnull(published, 0, FIRST_TABLE) && !PQgetisnull(published, 0, FIRST_SLOT))
		good = tell(plan, published);
	PQclear(published);
	buffer_free(&tables);
	return good;
}
