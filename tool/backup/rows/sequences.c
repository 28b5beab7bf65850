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
 * - pg_sequence_last_value() has locked the sequence until the transaction
 *   ends, so it can neither be dropped nor get another name or schema.
 * - The owner of the schema can rename that.  So names are looked at under a
 *   SHARE lock on pg_namespace, which keeps ALTER SCHEMA RENAME away, and the
 *   values are read by SELECT ... FROM name before it is released.
 * - A schema that none but a superuser or this role can rename needs no lock.
 * - On a standby, or as a role that may not lock pg_namespace, no name in other
 *   schemas is safe.  There the sequence is taken to begin where its definition
 *   says, and a warning says so.
 *
 * Each SELECT has nothing but columns in it, tableoid tells whether it was the
 * sequence that was read, and numbers are parsed as numbers.
 *
 * Both functions lock what they read against ALTER SEQUENCE.  An open
 * transaction that has done that would make the backup fail when all rows are
 * copied, so whether it can be had is tried before anything is locked or
 * copied, too, in transactions of their own (sequence_wait.c).
 *
 *-------------------------------------------------------------------------
 */
#include "sequences.h"

#include <stdlib.h>
#include <string.h>

#include "code_of_others.h"
#include "deadline.h"
#include "interrupt.h"
#include "log.h"
#include "memory.h"
#include "quote.h"
#include "sequence_wait.h"
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
	SequenceWait wait;
	bool only_look;   /* whether the locks can be had */
	bool cannot_lock; /* pg_namespace */
	int guessed;      /* sequences whose start was taken */
} SequenceReader;

typedef enum Try
{
	TRY_GOOD,
	TRY_FAILED,          /* reported */
	TRY_UNKNOWN,         /* nothing more to be learned by looking */
	TRY_SEQUENCE_LOCKED, /* again, when others are done */
	TRY_SCHEMA_LOCKED
} Try;

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

/* Keep schemas from being renamed, if nobody is just doing that; sets cannot_lock. */
static Try
lock_schemas(SequenceReader *reader)
{
	PGresult *result;
	bool locked;

	if (!connection_command(reader->connection, SQL("SAVEPOINT nex_backup_schemas")))
		return TRY_FAILED;
	result = connection_exec(reader->connection,
							 SQL("LOCK TABLE pg_catalog.pg_namespace IN SHARE MODE NOWAIT"));
	locked = PQresultStatus(result) == PGRES_COMMAND_OK;
	reader->cannot_lock = !locked && !result_has_state(result, SQLSTATE_LOCK_NOT_AVAILABLE);
	PQclear(result);
	if (locked)
		return TRY_GOOD;
	if (!connection_command(reader->connection, SQL("ROLLBACK TO SAVEPOINT nex_backup_schemas")))
		return TRY_FAILED;
	return reader->cannot_lock ? TRY_GOOD : TRY_SCHEMA_LOCKED;
}

/* Make the names of those safe that need one. */
static Try
hold_names(SequenceReader *reader, const Batch *batch)
{
	const char *params[1] = {batch->oids};
	PGresult *result;
	bool needed = false;
	Try verdict;
	bool good;
	int i;

	for (i = batch->from; i < batch->to && !needed; i++)
		needed = needs_name(batch, i) && !has_safe_name(batch, i);
	if (!needed || reader->cannot_lock)
		return TRY_GOOD;
	verdict = lock_schemas(reader);
	if (verdict != TRY_GOOD || reader->cannot_lock || reader->only_look)
		return verdict;
	result = connection_query(reader->connection, names_query, 1, params);
	good = result != NULL && names_stayed(reader, batch, result, 1);
	PQclear(result);
	return good ? TRY_GOOD : TRY_FAILED;
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

/* What a query that locks the sequences came to; frees a failed result. */
static Try
judge_lock(SequenceReader *reader, const Batch *batch, PGresult *result)
{
	if (PQresultStatus(result) == PGRES_TUPLES_OK)
		return TRY_GOOD;
	if (result_has_state(result, SQLSTATE_LOCK_NOT_AVAILABLE))
	{
		PQclear(result);
		return TRY_SEQUENCE_LOCKED;
	}
	/* Whatever it is, one that was dropped perhaps, may be over when they are read. */
	if (reader->only_look && PQstatus(reader->connection->pg) == CONNECTION_OK)
	{
		PQclear(result);
		return TRY_UNKNOWN;
	}
	report_lock_failure(reader, batch, result);
	return TRY_FAILED;
}

static Try
try_by_oid(SequenceReader *reader, const Batch *batch)
{
	const char *params[1] = {batch->oids};
	PGresult *result = connection_ask(reader->connection, by_oid_query, 1, params);
	Try verdict = judge_lock(reader, batch, result);
	bool good = true;
	int i;

	if (verdict != TRY_GOOD)
		return verdict;
	for (i = batch->from; good && !reader->only_look && i < batch->to; i++)
		good = append_row(reader, i, result, i - batch->from);
	PQclear(result);
	return good ? TRY_GOOD : TRY_FAILED;
}

/* Before version 18. */
static Try
try_with_names(SequenceReader *reader, Batch *batch)
{
	const char *params[1] = {batch->oids};
	Try verdict;

	batch->found = connection_ask(reader->connection, lock_query, 1, params);
	verdict = judge_lock(reader, batch, batch->found);
	if (verdict != TRY_GOOD)
		return verdict;
	if (!reader->only_look && !names_stayed(reader, batch, batch->found, 2))
		verdict = TRY_FAILED;
	if (verdict == TRY_GOOD)
		verdict = hold_names(reader, batch);
	if (verdict == TRY_GOOD && !reader->only_look && !take_values(reader, batch))
		verdict = TRY_FAILED;
	PQclear(batch->found);
	return verdict;
}

static bool
begin_try(const SequenceReader *reader)
{
	if (reader->only_look)
		return connection_command(reader->connection,
								  SQL("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;"
									  "SET LOCAL lock_timeout = '" SEQUENCE_PATIENCE "'"));
	return connection_command(reader->connection,
							  SQL("SAVEPOINT nex_backup_sequences;"
								  "SET LOCAL lock_timeout = '" SEQUENCE_PATIENCE "'"));
}

/* Only with the transaction the server lets go of the sequences. */
static bool
end_try(const SequenceReader *reader)
{
	if (reader->only_look)
		return connection_command(reader->connection, SQL("ROLLBACK"));
	return connection_command(reader->connection, SQL("ROLLBACK TO SAVEPOINT nex_backup_sequences; "
													  "RELEASE SAVEPOINT nex_backup_sequences"));
}

/* Try until nobody is in the way, or for too long. */
static bool
read_batch(SequenceReader *reader, Batch *batch, bool by_oid)
{
	for (;;)
	{
		double began = monotonic_seconds();
		SequenceObstacle obstacle;
		Try verdict;

		if (stop_requested() || !begin_try(reader))
			return false;
		verdict = by_oid ? try_by_oid(reader, batch) : try_with_names(reader, batch);
		if (verdict == TRY_FAILED || !end_try(reader))
			return false;
		if (verdict == TRY_GOOD || verdict == TRY_UNKNOWN)
			return true;
		obstacle = verdict == TRY_SCHEMA_LOCKED ? OBSTACLE_SCHEMA : OBSTACLE_SEQUENCE;
		if (!sequence_wait_more(&reader->wait, obstacle, batch->oids, began))
			return false;
	}
}

/* Before the first is locked. */
static bool
wait_for_others(SequenceReader *reader)
{
	int count = PQntuples(reader->list);
	char *oids = oids_of(reader, 0, count);
	bool good = count == 0 || sequence_wait_all(&reader->wait, oids);

	free(oids);
	return good;
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

/* All of them; how many. */
static bool
read_all(SequenceReader *reader, int *count)
{
	bool by_oid = connection_version(reader->connection) >= VERSION_WITH_SEQUENCE_DATA;
	bool good;
	int from;

	reader->list = connection_query(reader->connection, list_query, 0, NULL);
	good = reader->list != NULL && wait_for_others(reader);
	*count = PQntuples(reader->list);
	for (from = 0; good && from < *count; from += SEQUENCES_PER_QUERY)
	{
		int to = from + SEQUENCES_PER_QUERY < *count ? from + SEQUENCES_PER_QUERY : *count;
		Batch batch = {from, to, oids_of(reader, from, to), NULL};

		good = read_batch(reader, &batch, by_oid);
		free(batch.oids);
	}
	PQclear(reader->list);
	sequence_wait_free(&reader->wait);
	return good;
}

static SequenceReader
new_reader(Connection *connection, int lock_wait_timeout)
{
	SequenceReader reader;

	memset(&reader, 0, sizeof(reader));
	reader.connection = reader.wait.connection = connection;
	reader.wait.timeout = lock_wait_timeout;
	return reader;
}

bool
sequences_look(Connection *connection, int lock_wait_timeout)
{
	SequenceReader reader = new_reader(connection, lock_wait_timeout);
	int count;

	reader.only_look = true;
	return connection_command(connection, SQL("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")) &&
		   read_all(&reader, &count) && connection_command(connection, SQL("ROLLBACK"));
}

bool
sequences_read(Connection *connection, int lock_wait_timeout, SqlText *sql, int *count,
			   char **warning)
{
	SequenceReader reader = new_reader(connection, lock_wait_timeout);

	*warning = NULL;
	reader.sql = sql;
	if (!read_all(&reader, count))
		return false;
	*warning = guess_warning(&reader);
	return true;
}
