/*-------------------------------------------------------------------------
 *
 * sequences.c
 *	  Reading sequences, a hundred to a query.
 *
 *-------------------------------------------------------------------------
 */
#include "sequences.h"

#include <stdlib.h>
#include <string.h>

#include "interrupt.h"
#include "log.h"
#include "memory.h"
#include "quote.h"
#include "table_locks.h"

#define SEQUENCES_PER_QUERY 100

/* All sequences of the user, identity ones included, and those that extensions hand out for
 * dumping. */
static const char list_query[] =
	"SELECT pg_catalog.format('%I.%I', n.nspname, c.relname)"
	" FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
	" WHERE c.relkind = 'S' AND c.relpersistence <> 't'"
	" AND (c.relpersistence <> 'u' OR NOT pg_catalog.pg_is_in_recovery())"
	" AND (EXISTS (SELECT FROM pg_catalog.pg_extension e WHERE c.oid = ANY (e.extconfig))"
	"  OR (n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'"
	"   AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d"
	"    WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = c.oid AND "
	"d.deptype = 'e')"
	"   AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend o JOIN pg_catalog.pg_depend d"
	"     ON d.classid = o.refclassid AND d.objid = o.refobjid AND d.deptype = 'e'"
	"    WHERE o.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND o.objid = c.oid"
	"    AND o.deptype IN ('a', 'i'))))"
	" ORDER BY n.nspname, c.relname";

/* A sequence cannot be locked ahead, as LOCK TABLE does not take it.  Frees the result. */
static bool
report_failure(Connection *connection, PGresult *result)
{
	if (result_has_state(result, SQLSTATE_UNDEFINED_TABLE) ||
		result_has_state(result, SQLSTATE_UNDEFINED_SCHEMA))
		report_error(EXIT_FAILED, PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY),
					 "Run the backup again.",
					 "a sequence was dropped or renamed while the backup was under way");
	else
		connection_report(connection, result, "could not read the sequences");
	PQclear(result);
	return false;
}

/* Read sequences [from, to) of the list and append their setval() calls. */
static bool
read_batch(Connection *connection, const PGresult *names, int from, int to, Buffer *sql)
{
	PGresult *result;
	Buffer query;
	int i;

	buffer_init(&query);
	for (i = from; i < to; i++)
		buffer_printf(&query, "%sSELECT %d AS place, last_value, is_called FROM %s",
					  i == from ? "" : " UNION ALL ", i, PQgetvalue(names, i, 0));
	buffer_append_string(&query, " ORDER BY place");
	result = connection_exec(connection, query.data);
	buffer_free(&query);
	if (PQresultStatus(result) != PGRES_TUPLES_OK)
		return report_failure(connection, result);
	for (i = 0; i < PQntuples(result); i++)
	{
		int place = (int) strtol(PQgetvalue(result, i, 0), NULL, 10);

		buffer_append_string(sql, "SELECT pg_catalog.setval(");
		quote_literal(sql, PQgetvalue(names, place, 0));
		buffer_printf(sql, ", %s, %s);\n", PQgetvalue(result, i, 1),
					  PQgetvalue(result, i, 2)[0] == 't' ? "true" : "false");
	}
	PQclear(result);
	return true;
}

bool
sequences_read(Connection *connection, Buffer *sql, int *count)
{
	PGresult *names = connection_query(connection, list_query, 0, NULL);
	bool good = names != NULL;
	int from;

	*count = good ? PQntuples(names) : 0;
	for (from = 0; good && from < *count; from += SEQUENCES_PER_QUERY)
	{
		int to = from + SEQUENCES_PER_QUERY < *count ? from + SEQUENCES_PER_QUERY : *count;

		good = !stop_requested() && read_batch(connection, names, from, to, sql);
	}
	PQclear(names);
	return good;
}
