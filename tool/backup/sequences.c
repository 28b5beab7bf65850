/*-------------------------------------------------------------------------
 *
 * sequences.c
 *	  Reading sequences, a hundred to a round trip.
 *
 * Sequences cannot be locked ahead, as LOCK TABLE does not take them, and
 * are read long after the names were taken from the snapshot.  In between
 * another relation may have got the name of a sequence: its rows are
 * anything, and if it is a view, its functions run with our rights.
 *
 * From version 18 on pg_get_sequence_data() reads a sequence by its OID, so
 * no name is involved.  Before, the only way is SELECT ... FROM name
 * (pg_sequence_last_value() tells nothing of a sequence that has not been
 * called, and setval(..., false) may have set it to any value).  So:
 *
 * - Each sequence is a SELECT of its own with nothing but columns in it.
 *   UNION and casts are avoided: they may call functions of whoever owns the
 *   type of a column.  Materialized views and tables run no code in it.
 * - Views and foreign tables are refused by the server, as the session has
 *   restrict_nonsystem_relation_kind.
 * - Servers older than August 2024 do not have that.  There
 *   pg_sequence_last_value() is called first, which locks the sequence
 *   against being renamed or dropped until the end of our transaction, and
 *   the name is looked up after that.  What is left is the renaming of a schema
 *   in the instant between two commands; as with the rows of tables, only a
 *   newer minor version of the server closes that.
 * - tableoid tells whether it was the sequence that was read, and numbers
 *   are parsed as numbers.
 *
 *-------------------------------------------------------------------------
 */
#include "sequences.h"

#include <stdlib.h>
#include <string.h>

#include "interrupt.h"
#include "log.h"
#include "memory.h"
#include "sql_name.h"
#include "table_locks.h"

#define SEQUENCES_PER_QUERY 100

#define SQLSTATE_UNDEFINED_COLUMN "42703"
#define SQLSTATE_RESTRICTED "55000" /* of a view, by restrict_nonsystem_relation_kind */

#define VERSION_WITH_SEQUENCE_DATA 180000

/* All sequences of the user, identity ones included, and those that extensions hand out for
 * dumping. */
static const SqlConstant list_query =
	SQL("SELECT c.oid, n.nspname, c.relname"
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
		" ORDER BY n.nspname, c.relname");

/* In the order of the OIDs; a row for each. */
static const SqlConstant by_oid_query =
	SQL("SELECT t.oid, d.last_value, d.is_called"
		" FROM pg_catalog.unnest($1::pg_catalog.oid[]) WITH ORDINALITY AS t (oid, place)"
		" LEFT JOIN LATERAL pg_catalog.pg_get_sequence_data(t.oid::pg_catalog.regclass) d ON true"
		" ORDER BY t.place");

/* Locks them, and tells their names of now, not of the snapshot. */
static const SqlConstant lock_query =
	SQL("SELECT pg_catalog.pg_sequence_last_value(t.oid), t.oid::pg_catalog.regclass"
		" FROM pg_catalog.unnest($1::pg_catalog.oid[]) WITH ORDINALITY AS t (oid, place)"
		" ORDER BY t.place");

static const SqlConstant has_restriction_query =
	SQL("SELECT 1 FROM pg_catalog.pg_settings WHERE name = 'restrict_nonsystem_relation_kind'");

typedef struct SequenceReader
{
	Connection *connection;
	PGresult *list; /* oid, schema, name */
	SqlText *sql;
	bool by_oid;
	bool lock_first;
} SequenceReader;

static bool
report_moved(const char *detail)
{
	return report_error(EXIT_FAILED, detail, "Run the backup again.",
						"a sequence was dropped or renamed while the backup was under way");
}

/* Frees the result. */
static bool
report_failure(Connection *connection, PGresult *result)
{
	if (result_has_state(result, SQLSTATE_UNDEFINED_TABLE) ||
		result_has_state(result, SQLSTATE_UNDEFINED_SCHEMA) ||
		result_has_state(result, SQLSTATE_UNDEFINED_COLUMN) ||
		result_has_state(result, SQLSTATE_RESTRICTED))
		report_moved(PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY));
	else
		connection_report(connection, result, "could not read the sequences");
	PQclear(result);
	return false;
}

/* Append the setval() of one, if the values are such as only the sequence itself has. */
static bool
append_setval(const SequenceReader *reader, int place, const PGresult *result, int row)
{
	SqlText *sql = reader->sql;
	const char *called = PQgetvalue(result, row, 2);

	if (strcmp(PQgetvalue(result, row, 0), PQgetvalue(reader->list, place, 0)) != 0 ||
		(strcmp(called, "t") != 0 && strcmp(called, "f") != 0))
		return report_moved(NULL);
	sql_append(sql, "SELECT pg_catalog.setval(");
	sql_qualified_literal(sql, PQgetvalue(reader->list, place, 1),
						  PQgetvalue(reader->list, place, 2));
	sql_append(sql, ", ");
	if (!sql_checked_number(sql, PQgetvalue(result, row, 1)))
		return report_moved(NULL);
	if (called[0] == 't')
		sql_append(sql, ", true);\n");
	else
		sql_append(sql, ", false);\n");
	return true;
}

/* Sequences [from, to) as the text of an array; caller frees. */
static char *
oids_of(const SequenceReader *reader, int from, int to)
{
	Buffer oids;
	int i;

	buffer_init(&oids);
	for (i = from; i < to; i++)
	{
		buffer_append_char(&oids, i == from ? '{' : ',');
		buffer_append_string(&oids, PQgetvalue(reader->list, i, 0));
	}
	buffer_append_char(&oids, '}');
	return buffer_detach(&oids);
}

static bool
read_by_oid(const SequenceReader *reader, int from, int to)
{
	char *oids = oids_of(reader, from, to);
	const char *params[1] = {oids};
	PGresult *result = connection_query(reader->connection, by_oid_query, 1, params);
	bool good = result != NULL;
	int i;

	free(oids);
	for (i = from; good && i < to; i++)
		good = i - from < PQntuples(result) ? append_setval(reader, i, result, i - from)
											: report_moved(NULL);
	PQclear(result);
	return good;
}

/* Take the results of the SELECTs, one a sequence; all of them, even after an error. */
static bool
take_values(const SequenceReader *reader, int from, int to)
{
	bool good = true;
	PGresult *result;
	int i = from;

	while ((result = PQgetResult(reader->connection->pg)) != NULL)
	{
		if (good && PQresultStatus(result) != PGRES_TUPLES_OK)
		{
			good = report_failure(reader->connection, result);
			continue;
		}
		good = good && (PQntuples(result) == 1 && i < to ? append_setval(reader, i++, result, 0)
														 : report_moved(NULL));
		PQclear(result);
	}
	return good && (i == to || report_moved(NULL));
}

static bool
read_by_name(const SequenceReader *reader, int from, int to)
{
	SqlText query;
	bool good;
	int i;

	sql_init(&query);
	for (i = from; i < to; i++)
	{
		sql_append(&query, "SELECT tableoid, last_value, is_called FROM ");
		sql_qualified(&query, PQgetvalue(reader->list, i, 1), PQgetvalue(reader->list, i, 2));
		sql_append(&query, ";");
	}
	good = connection_send(reader->connection, &query) ||
		   connection_report(reader->connection, NULL, "could not send a query");
	sql_free(&query);
	return good && take_values(reader, from, to);
}

static bool
has_name_of_list(const SequenceReader *reader, int place, const char *qualified)
{
	char *schema;
	char *name;
	const char *end = sql_name_read_qualified(qualified, &schema, &name);
	bool same;

	if (end == NULL)
		return false;
	same = *end == '\0' && strcmp(schema, PQgetvalue(reader->list, place, 1)) == 0 &&
		   strcmp(name, PQgetvalue(reader->list, place, 2)) == 0;
	free(schema);
	free(name);
	return same;
}

/* For servers that would run a view: let none of these get another name, and see that none has. */
static bool
lock_by_oid(const SequenceReader *reader, int from, int to)
{
	char *oids = oids_of(reader, from, to);
	const char *params[1] = {oids};
	PGresult *result = connection_query(reader->connection, lock_query, 1, params);
	bool good = result != NULL;
	int i;

	free(oids);
	for (i = from; good && i < to; i++)
		good = (i - from < PQntuples(result) &&
				has_name_of_list(reader, i, PQgetvalue(result, i - from, 1))) ||
			   report_moved(NULL);
	PQclear(result);
	return good;
}

static bool
choose_way(SequenceReader *reader)
{
	PGresult *result;

	reader->by_oid = connection_version(reader->connection) >= VERSION_WITH_SEQUENCE_DATA;
	if (reader->by_oid)
		return true;
	result = connection_query(reader->connection, has_restriction_query, 0, NULL);
	reader->lock_first = PQntuples(result) == 0;
	PQclear(result);
	return result != NULL;
}

bool
sequences_read(Connection *connection, SqlText *sql, int *count)
{
	SequenceReader reader = {connection, NULL, sql, false, false};
	bool good = choose_way(&reader);
	int from;

	reader.list = good ? connection_query(connection, list_query, 0, NULL) : NULL;
	good = reader.list != NULL;
	*count = PQntuples(reader.list);
	for (from = 0; good && from < *count; from += SEQUENCES_PER_QUERY)
	{
		int to = from + SEQUENCES_PER_QUERY < *count ? from + SEQUENCES_PER_QUERY : *count;

		good = !stop_requested() && (!reader.lock_first || lock_by_oid(&reader, from, to)) &&
			   (reader.by_oid ? read_by_oid(&reader, from, to) : read_by_name(&reader, from, to));
	}
	PQclear(reader.list);
	return good;
}
