/*-------------------------------------------------------------------------
 *
 * sequences.c
 *	  Reading sequences, a hundred to a round trip.
 *
 * Sequences cannot be locked ahead, as LOCK TABLE does not take them, and
 * are read long after the names were taken from the snapshot.  In between
 * another relation may have got the name of a sequence: its rows are
 * anything, and a query over it runs code of its owner with our rights, also
 * if it is a table: code of its indexes, when the query is planned
 * (code_of_others.h).
 *
 * From version 18 on pg_get_sequence_data() reads a sequence by its OID, so
 * no name is involved.  Before, pg_sequence_last_value() does so, too, but
 * tells nothing of a sequence that has not been called since setval(...,
 * false), ALTER SEQUENCE RESTART or its creation.  Of those:
 *
 * - pg_sequence_last_value() has locked the sequence until the savepoint is
 *   rolled back, so it can neither be dropped nor get another name or schema.
 * - The owner of the schema can rename that.  So names are looked at under a
 *   SHARE lock on pg_namespace, which keeps ALTER SCHEMA RENAME away, and the
 *   values are read by SELECT ... FROM name before it is released.  The lock is
 *   never waited for while the sequences are locked.
 * - A schema that none but a superuser or this role can rename needs no lock.
 * - On a standby, or as a role that may not lock pg_namespace, no name in other
 *   schemas is safe.  There the sequence is taken to begin where its definition
 *   says, and a warning says so.
 *
 * Each SELECT has nothing but columns in it, tableoid tells whether it was the
 * sequence that was read, and numbers are parsed as numbers.
 *
 *-------------------------------------------------------------------------
 */
#include "sequences.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "code_of_others.h"
#include "interrupt.h"
#include "log.h"
#include "memory.h"
#include "quote.h"
#include "sql_name.h"
#include "table_locks.h"

#define SEQUENCES_PER_QUERY 100
#define PATIENCE 50 /* naps for whoever renames a schema */
#define NAP_NS 100000000L

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

/*
 * In the order of the OIDs.  Locks them, and tells their values, or NULL, their
 * names of now, not of the snapshot, whether those are safe, and the start.
 */
static const SqlConstant lock_query =
	SQL("SELECT t.oid, pg_catalog.pg_sequence_last_value(t.oid), t.oid::pg_catalog.regclass,"
		" " SCHEMA_OF_EQUALS ", s.seqstart"
		" FROM pg_catalog.unnest($1::pg_catalog.oid[]) WITH ORDINALITY AS t (oid, place)"
		" LEFT JOIN pg_catalog.pg_class c ON c.oid = t.oid"
		" LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
		" LEFT JOIN pg_catalog.pg_sequence s ON s.seqrelid = t.oid"
		" ORDER BY t.place");

/* The names alone, when they can change no more. */
static const SqlConstant names_query =
	SQL("SELECT t.oid, t.oid::pg_catalog.regclass"
		" FROM pg_catalog.unnest($1::pg_catalog.oid[]) WITH ORDINALITY AS t (oid, place)"
		" ORDER BY t.place");

typedef struct SequenceReader
{
	Connection *connection;
	PGresult *list; /* oid, schema, name */
	SqlText *sql;
	bool cannot_lock; /* pg_namespace */
	int guessed;      /* sequences whose start was taken */
} SequenceReader;

/* Of the sequences of one round trip. */
typedef struct Batch
{
	int from; /* positions in the list */
	int to;
	char *oids;      /* the text of an array */
	PGresult *found; /* of lock_query */
} Batch;

static bool
report_moved(const char *detail)
{
	return report_error(EXIT_FAILED, detail, "Run the backup again.",
						"a sequence was dropped or renamed while the backup was under way");
}

static bool
report_moved_one(const SequenceReader *reader, int place)
{
	char *schema = printable_name(PQgetvalue(reader->list, place, 1));
	char *name = printable_name(PQgetvalue(reader->list, place, 2));
	char *detail = xasprintf("It was the sequence \"%s\" in schema \"%s\".", name, schema);

	report_moved(detail);
	free(detail);
	free(name);
	free(schema);
	return false;
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

/* Append the setval() of one, if the values are such as only a sequence has. */
static bool
append_setval(const SequenceReader *reader, int place, const char *value, const char *called)
{
	SqlText *sql = reader->sql;

	if (strcmp(called, "t") != 0 && strcmp(called, "f") != 0)
		return report_moved(NULL);
	sql_append(sql, "SELECT pg_catalog.setval(");
	sql_qualified_literal(sql, PQgetvalue(reader->list, place, 1),
						  PQgetvalue(reader->list, place, 2));
	sql_append(sql, ", ");
	if (!sql_checked_number(sql, value))
		return report_moved(NULL);
	if (called[0] == 't')
		sql_append(sql, ", true);\n");
	else
		sql_append(sql, ", false);\n");
	return true;
}

/* Is a row of a result about this sequence?  Its OID comes first. */
static bool
is_about(const SequenceReader *reader, int place, const PGresult *result, int row)
{
	return row < PQntuples(result) &&
		   strcmp(PQgetvalue(result, row, 0), PQgetvalue(reader->list, place, 0)) == 0;
}

/* The same for a row of OID, value, and whether it was called. */
static bool
append_row(const SequenceReader *reader, int place, const PGresult *result, int row)
{
	return is_about(reader, place, result, row)
			   ? append_setval(reader, place, PQgetvalue(result, row, 1),
							   PQgetvalue(result, row, 2))
			   : report_moved(NULL);
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
read_by_oid(const SequenceReader *reader, const Batch *batch)
{
	const char *params[1] = {batch->oids};
	PGresult *result = connection_query(reader->connection, by_oid_query, 1, params);
	bool good = result != NULL;
	int i;

	for (i = batch->from; good && i < batch->to; i++)
		good = append_row(reader, i, result, i - batch->from);
	PQclear(result);
	return good;
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

/* Do all have the names of the list?  The names are in this column. */
static bool
names_stayed(const SequenceReader *reader, const Batch *batch, const PGresult *result, int column)
{
	int i;

	for (i = batch->from; i < batch->to; i++)
	{
		if (!is_about(reader, i, result, i - batch->from) ||
			!has_name_of_list(reader, i, PQgetvalue(result, i - batch->from, column)))
			return report_moved_one(reader, i);
	}
	return true;
}

/* Not called yet, so that its value has to be read by its name. */
static bool
needs_name(const Batch *batch, int place)
{
	return PQgetisnull(batch->found, place - batch->from, 1);
}

static bool
has_safe_name(const Batch *batch, int place)
{
	return PQgetvalue(batch->found, place - batch->from, 3)[0] == 't';
}

/* Keep schemas from being renamed; sets cannot_lock.  False (reported) on failure. */
static bool
lock_schemas(SequenceReader *reader)
{
	static const struct timespec nap = {0, NAP_NS};
	bool locked = false;
	int i;

	for (i = 0; i < PATIENCE && !locked && !reader->cannot_lock; i++)
	{
		PGresult *result;

		if (i > 0)
			nanosleep(&nap, NULL);
		if (stop_requested() ||
			!connection_command(reader->connection, SQL("SAVEPOINT nex_backup_schemas")))
			return false;
		result = connection_exec(reader->connection,
								 SQL("LOCK TABLE pg_catalog.pg_namespace IN SHARE MODE NOWAIT"));
		locked = PQresultStatus(result) == PGRES_COMMAND_OK;
		reader->cannot_lock = !locked && !result_has_state(result, SQLSTATE_LOCK_NOT_AVAILABLE);
		PQclear(result);
		if (!locked && !connection_command(reader->connection,
										   SQL("ROLLBACK TO SAVEPOINT nex_backup_schemas")))
			return false;
	}
	return locked || reader->cannot_lock ||
		   report_error(EXIT_FAILED, NULL, "Run the backup again when the schema change is done.",
						"could not read the sequences, as somebody is renaming a schema");
}

/* Make the names of those safe that need one. */
static bool
hold_names(SequenceReader *reader, const Batch *batch)
{
	const char *params[1] = {batch->oids};
	PGresult *result;
	bool needed = false;
	bool good;
	int i;

	for (i = batch->from; i < batch->to && !needed; i++)
		needed = needs_name(batch, i) && !has_safe_name(batch, i);
	if (!needed || reader->cannot_lock)
		return true;
	if (!lock_schemas(reader))
		return false;
	if (reader->cannot_lock)
		return true;
	result = connection_query(reader->connection, names_query, 1, params);
	good = result != NULL && names_stayed(reader, batch, result, 1);
	PQclear(result);
	return good;
}

/* Is its value read by its name? */
static bool
is_read_by_name(const SequenceReader *reader, const Batch *batch, int place)
{
	return needs_name(batch, place) && (has_safe_name(batch, place) || !reader->cannot_lock);
}

/* Send a SELECT for each that is read by its name; how many. */
static bool
ask_by_name(const SequenceReader *reader, const Batch *batch, int *count)
{
	SqlText query;
	bool good = true;
	int i;

	*count = 0;
	sql_init(&query);
	for (i = batch->from; i < batch->to; i++)
	{
		if (!is_read_by_name(reader, batch, i))
			continue;
		sql_append(&query, "SELECT tableoid, last_value, is_called FROM ");
		sql_qualified(&query, PQgetvalue(reader->list, i, 1), PQgetvalue(reader->list, i, 2));
		sql_append(&query, ";");
		(*count)++;
	}
	if (*count > 0)
		good = connection_send(reader->connection, &query) ||
			   connection_report(reader->connection, NULL, "could not send a query");
	sql_free(&query);
	return good;
}

/* Append the setval() of one, whose value is known, or comes next. */
static bool
take_value(SequenceReader *reader, const Batch *batch, int place)
{
	PGresult *result;
	bool good;

	if (!needs_name(batch, place))
		return append_setval(reader, place, PQgetvalue(batch->found, place - batch->from, 1), "t");
	if (!is_read_by_name(reader, batch, place))
	{
		reader->guessed++;
		return append_setval(reader, place, PQgetvalue(batch->found, place - batch->from, 4), "f");
	}
	result = PQgetResult(reader->connection->pg);
	if (PQresultStatus(result) != PGRES_TUPLES_OK)
		return report_failure(reader->connection, result);
	good = append_row(reader, place, result, 0);
	PQclear(result);
	return good;
}

/* Those whose value is not known by now are read by name. */
static bool
take_values(SequenceReader *reader, const Batch *batch)
{
	PGresult *result;
	int count;
	bool good = ask_by_name(reader, batch, &count);
	int i;

	for (i = batch->from; good && i < batch->to; i++)
		good = take_value(reader, batch, i);
	while (count > 0 && (result = PQgetResult(reader->connection->pg)) != NULL)
		PQclear(result);
	return good;
}

/* The sequences could not be locked; frees the result.  One that was dropped has no better words.
 */
static bool
report_lock_failure(SequenceReader *reader, const Batch *batch, PGresult *failed)
{
	const char *params[1] = {batch->oids};
	PGresult *names = NULL;
	bool stayed = true;

	if (PQstatus(reader->connection->pg) == CONNECTION_OK &&
		connection_command(reader->connection, SQL("ROLLBACK TO SAVEPOINT nex_backup_sequences")))
		names = connection_ask(reader->connection, names_query, 1, params);
	if (PQresultStatus(names) == PGRES_TUPLES_OK)
		stayed = names_stayed(reader, batch, names, 1);
	PQclear(names);
	if (stayed)
		return report_failure(reader->connection, failed);
	PQclear(failed);
	return false;
}

static bool
read_with_locks(SequenceReader *reader, Batch *batch)
{
	const char *params[1] = {batch->oids};
	bool good;

	if (!connection_command(reader->connection, SQL("SAVEPOINT nex_backup_sequences")))
		return false;
	batch->found = connection_ask(reader->connection, lock_query, 1, params);
	if (PQresultStatus(batch->found) != PGRES_TUPLES_OK)
		return report_lock_failure(reader, batch, batch->found);
	good = names_stayed(reader, batch, batch->found, 2) && hold_names(reader, batch) &&
		   take_values(reader, batch);
	PQclear(batch->found);
	return good &&
		   connection_command(reader->connection, SQL("ROLLBACK TO SAVEPOINT nex_backup_sequences; "
													  "RELEASE SAVEPOINT nex_backup_sequences"));
}

static char *
guess_warning(const SequenceReader *reader)
{
	if (reader->guessed == 0)
		return NULL;
	return xasprintf("%d sequence%s not been used yet, and could not be read safely; "
					 "taken to begin where %s defined to start",
					 reader->guessed, reader->guessed == 1 ? " has" : "s have",
					 reader->guessed == 1 ? "it is" : "they are");
}

bool
sequences_read(Connection *connection, SqlText *sql, int *count, char **warning)
{
	SequenceReader reader = {connection, NULL, sql, false, 0};
	bool by_oid = connection_version(connection) >= VERSION_WITH_SEQUENCE_DATA;
	bool good;
	int from;

	*warning = NULL;
	reader.list = connection_query(connection, list_query, 0, NULL);
	good = reader.list != NULL;
	*count = PQntuples(reader.list);
	for (from = 0; good && from < *count; from += SEQUENCES_PER_QUERY)
	{
		int to = from + SEQUENCES_PER_QUERY < *count ? from + SEQUENCES_PER_QUERY : *count;
		Batch batch = {from, to, oids_of(&reader, from, to), NULL};

		good = !stop_requested() &&
			   (by_oid ? read_by_oid(&reader, &batch) : read_with_locks(&reader, &batch));
		free(batch.oids);
	}
	PQclear(reader.list);
	if (good)
		*warning = guess_warning(&reader);
	return good;
}
