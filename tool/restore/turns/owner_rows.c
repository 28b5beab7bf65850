/*-------------------------------------------------------------------------
 *
 * owner_rows.c
 *	  Rows added to a table with the rights of its owner.
 *
 * The owner's turn is a security-restricted operation (owner_turn.c), in which
 * COPY cannot run.  So the rows go
 *
 * 1. by COPY into a temporary table, whose columns have types without code of
 *    users: domains are replaced by their base types, and what may hold a
 *    domain (composite types, ranges, arrays of them) by text;
 * 2. from there into the real one, in the owner's turn.
 *
 *-------------------------------------------------------------------------
 */
#include "owner_rows.h"

#include <stdlib.h>
#include <string.h>

#include "definitions.h"
#include "interrupt.h"
#include "log.h"
#include "memory.h"
#include "owner_turn.h"
#include "quote.h"
#include "rows_there.h"

#define STAGE ROW_STAGE
#define ADDED "pg_temp.nex_backup_added"

/* How the columns are staged, and how they come from there. */
static const char columns_query[] =
	"SELECT pg_catalog.string_agg(CASE WHEN c.plain THEN pg_catalog.quote_ident(c.attname)"
	"  ELSE pg_catalog.format('%I::%s AS %I', c.attname, CASE WHEN c.base < 16384"
	"   THEN pg_catalog.format_type(c.base, -1) ELSE 'pg_catalog.text' END, c.attname) END,"
	"  ', ' ORDER BY c.place),"
	" pg_catalog.string_agg(CASE WHEN c.plain OR c.base < 16384"
	"  THEN pg_catalog.format('r.%I', c.attname) ELSE pg_catalog.format('r.%I::%s', c.attname,"
	"   pg_catalog.format_type(c.atttypid, c.atttypmod)) END, ', ' ORDER BY c.place),"
	" pg_catalog.min(c.attname) FILTER (WHERE NOT c.plain AND c.base >= 16384"
	"  AND EXISTS (SELECT FROM pg_catalog.pg_cast k WHERE k.castmethod = 'f'"
	"   AND k.castsource = 'pg_catalog.text'::pg_catalog.regtype"
	"   AND k.casttarget IN (c.base, c.atttypid)))"
	" FROM (SELECT a.*, u.place, b.base, COALESCE(" ROW_TYPE_IS_PLAIN ", false) AS plain"
	"  FROM ROWS FROM (pg_catalog.unnest($2::pg_catalog.text[])) WITH ORDINALITY AS u (name, place)"
	"  JOIN pg_catalog.pg_attribute a ON a.attname::pg_catalog.text = u.name"
	"   AND a.attrelid = pg_catalog.to_regclass($1::pg_catalog.text)"
	"  JOIN pg_catalog.pg_type t ON t.oid = a.atttypid"
	"  LEFT JOIN pg_catalog.pg_type e ON e.oid = t.typelem, LATERAL ("
	"   WITH RECURSIVE chain AS (SELECT t.oid, t.typbasetype UNION ALL"
	"    SELECT n.oid, n.typbasetype FROM chain JOIN pg_catalog.pg_type n"
	"    ON n.oid = chain.typbasetype)"
	"   SELECT oid AS base FROM chain WHERE typbasetype = 0) b) c";

/* The staged columns as they were made; names of types may have changed hands before that. */
static const char check_stage_query[] =
	"SELECT FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type t ON t.oid = a.atttypid"
	" LEFT JOIN pg_catalog.pg_type e ON e.oid = t.typelem"
	" WHERE a.attrelid = '" STAGE "'::pg_catalog.regclass AND a.attnum > 0"
	" AND NOT COALESCE(" ROW_TYPE_IS_PLAIN ", false)";

/* After the owner's turn: the number of rows, and what is ours no more among the temporary. */
static const char result_query[] =
	"SELECT (SELECT pg_catalog.max(rows) FROM " ADDED "),"
	" (SELECT pg_catalog.count(rows) = 1 AND pg_catalog.count(*) = 1"
	"  AND pg_catalog.min(rows) >= 0 FROM " ADDED "),"
	" (SELECT pg_catalog.count(*) FROM pg_catalog.pg_type t JOIN pg_catalog.pg_roles r"
	"  ON r.oid = t.typowner WHERE t.typnamespace = pg_catalog.pg_my_temp_schema()"
	"  AND r.rolname <> CURRENT_USER),"
	" (SELECT pg_catalog.max(present) FROM " ADDED ")";

/* How the rows of a table go through the stage. */
typedef struct Passage
{
	const char *columns; /* with commas, quoted */
	char *staged;        /* what the temporary table is made of */
	char *taken;         /* what is read from it */
	char *there;         /* with skip: a query for the rows that have their key there, or NULL */
	uint64_t rows;       /* of the backup */
} Passage;

/* Run commands; their failure may be that of the table's code. */
static RowCopyStatus
run(RowCopy *copy, const char *sql)
{
	PGresult *result = connection_exec(copy->connection, sql);
	ExecStatusType status = result != NULL ? PQresultStatus(result) : PGRES_FATAL_ERROR;
	RowCopyStatus good = ROW_COPY_GOOD;

	if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
		good = row_copy_judge(copy, result);
	PQclear(result);
	return good;
}

/* Run the turn. */
static RowCopyStatus
run_owner(RowCopy *copy)
{
	bool late;
	PGresult *result = owner_turn_run(copy->connection, &late);
	RowCopyStatus good = ROW_COPY_GOOD;

	if (late)
	{
		char *what = xasprintf("could not load table %s", copy->shown);

		owner_turn_report_late(copy->connection, copy->owner, what);
		free(what);
		good = ROW_COPY_FAILED;
	}
	else if (result == NULL || PQresultStatus(result) != PGRES_COMMAND_OK)
		good = row_copy_judge(copy, result);
	PQclear(result);
	return good;
}

static bool
plan_passage(RowCopy *copy, const ManifestTable *source, Passage *passage)
{
	char *columns = row_copy_column_array(source);
	const char *params[2] = {copy->shown, columns};
	PGresult *result = connection_query(copy->connection, columns_query, 2, params);
	bool good = result != NULL;

	free(columns);
	if (good && !PQgetisnull(result, 0, 2))
		good = report_error(EXIT_FAILED, "The type has a cast from text that is not its input.",
							ROWS_AS_SESSION_HINT,
							"could not pass on column \"%s\" of table %s to its owner",
							PQgetvalue(result, 0, 2), copy->shown);
	if (good)
	{
		passage->staged = xstrdup(PQgetvalue(result, 0, 0));
		passage->taken = xstrdup(PQgetvalue(result, 0, 1));
	}
	PQclear(result);
	return good;
}

static bool
make_stage(RowCopy *copy, const Passage *passage)
{
	PGresult *result;
	bool good = connection_commandf(copy->connection,
									"CREATE TEMPORARY TABLE nex_backup_rows AS SELECT %s FROM %s"
									" WITH NO DATA",
									passage->staged, copy->shown);

	if (!good)
		return false;
	result = connection_query(copy->connection, check_stage_query, 0, NULL);
	good = result != NULL;
	if (good && PQntuples(result) > 0)
		good = report_error(EXIT_FAILED, NULL, "Try again.",
							"types of table %s were replaced by others", copy->shown);
	PQclear(result);
	return good;
}

/* Everything that the owner's turn needs, and nothing that runs. */
static void
append_setup(Buffer *sql, const RowCopy *copy, const RowRights *rights, const Passage *passage,
			 bool skip)
{
	Buffer owner;
	Buffer body;

	buffer_init(&owner);
	buffer_init(&body);
	quote_identifier(&owner, rights->owner);
	buffer_printf(&body, "#variable_conflict use_column\nBEGIN\nINSERT INTO %s", copy->shown);
	if (passage->columns[0] != '\0')
		buffer_printf(&body, " (%s) OVERRIDING SYSTEM VALUE", passage->columns);
	buffer_printf(&body, " SELECT %s FROM " STAGE " AS r%s;\n", passage->taken,
				  skip ? " ON CONFLICT DO NOTHING" : "");
	buffer_append_string(&body, "DECLARE added bigint; present bigint := 0;"
								" BEGIN GET DIAGNOSTICS added = ROW_COUNT;");
	if (passage->there != NULL)
		buffer_printf(&body, " IF added OPERATOR(pg_catalog.<) %llu THEN present := (%s); END IF;",
					  (unsigned long long) passage->rows, passage->there);
	buffer_append_string(&body, " INSERT INTO " ADDED " VALUES (added, present); END;\nEND");
	buffer_append_string(sql, "CREATE TEMPORARY TABLE nex_backup_added (rows pg_catalog.int8,"
							  " present pg_catalog.int8);");
	owner_turn_append(sql, rights->owner, body.data);
	buffer_printf(sql, ";GRANT SELECT ON " STAGE " TO %s;GRANT INSERT ON " ADDED " TO %s",
				  owner.data, owner.data);
	buffer_free(&owner);
	buffer_free(&body);
}

static RowCopyStatus
take_result(RowCopy *copy, uint64_t rows, uint64_t *added, uint64_t *present)
{
	PGresult *result;
	RowCopyStatus status;

	status = run(copy, OWNER_TURN_END);
	if (status != ROW_COPY_GOOD)
		return status;
	result = connection_query(copy->connection, result_query, 0, NULL);
	if (result == NULL)
		return ROW_COPY_FAILED;
	*added = strtoull(PQgetvalue(result, 0, 0), NULL, 10);
	*present = strtoull(PQgetvalue(result, 0, 3), NULL, 10);
	/* The owner may write there, too. */
	if (PQgetvalue(result, 0, 1)[0] != 't' || *added > rows)
	{
		report_error(EXIT_INTEGRITY, NULL, ROWS_AS_SESSION_HINT,
					 "code of table %s changed the number of rows that were added", copy->shown);
		status = ROW_COPY_FAILED;
	}
	else if (strcmp(PQgetvalue(result, 0, 2), "0") != 0)
	{
		report_error(EXIT_FAILED, NULL, ROWS_AS_SESSION_HINT,
					 "code of table %s made types in the temporary schema of the session",
					 copy->shown);
		status = ROW_COPY_FAILED;
	}
	PQclear(result);
	return status == ROW_COPY_GOOD ? run(copy, "DROP TABLE " STAGE ", " ADDED) : status;
}

/* The one statement that runs code of the owner. */
static RowCopyStatus
run_turn(RowCopy *copy)
{
	Definitions before = {STEP_INDEX, NULL, NULL, ""};
	RowCopyStatus status;
	char *what;

	if (copy->keep_definitions && !definitions_read(copy->connection, STEP_INDEX, &before))
		return ROW_COPY_FAILED;
	status = run_owner(copy);
	if (status != ROW_COPY_GOOD || !copy->keep_definitions)
	{
		definitions_free(&before);
		return status;
	}
	what = xasprintf("rows were added to table %s", copy->shown);
	if (!definitions_same(copy->connection, &before, what))
		status = ROW_COPY_FAILED;
	free(what);
	return status;
}

/* Let the owner add what is staged. */
static RowCopyStatus
take_turn(RowCopy *copy, const RowRights *rights, const Passage *passage, bool skip, uint64_t rows,
		  uint64_t *added, uint64_t *present)
{
	bool expect_conflict = copy->expect_conflict;
	RowCopyStatus status;
	Buffer sql;

	buffer_init(&sql);
	append_setup(&sql, copy, rights, passage, skip);
	copy->expect_conflict = false;
	status = run(copy, sql.data);
	buffer_free(&sql);
	copy->expect_conflict = expect_conflict;
	if (status == ROW_COPY_GOOD)
		status = run_turn(copy);
	copy->expect_conflict = false;
	if (status == ROW_COPY_GOOD)
		status = take_result(copy, rows, added, present);
	copy->expect_conflict = expect_conflict;
	return status;
}

RowCopyStatus
owner_rows_add(RowCopy *copy, const RowRights *rights, int32_t table, bool skip, uint64_t *added,
			   uint64_t *present)
{
	const ManifestTable *source = &copy->reader->manifest->tables[table];
	size_t length;
	const char *columns = row_copy_columns(source, &length);
	char *inner = length > 2 ? xasprintf("%.*s", (int) length - 2, columns + 1) : xstrdup("");
	char *command = row_copy_command(source, STAGE);
	Passage passage = {inner, NULL, NULL, NULL, source->rows};
	RowCopyStatus status = ROW_COPY_FAILED;

	copy->owner = rights->owner;
	if (plan_passage(copy, source, &passage) &&
		(!skip || rows_there_query(copy, source, rights->owner, &passage.there)) &&
		make_stage(copy, &passage))
		status = row_copy_run(copy, table, command);
	if (status == ROW_COPY_GOOD && !stop_requested())
		status = take_turn(copy, rights, &passage, skip, source->rows, added, present);
	if (skip && passage.there == NULL)
		*present = ROWS_THERE_UNTOLD;
	if (status == ROW_COPY_GOOD && !skip && !row_copy_check(copy, *added, source->rows))
		status = ROW_COPY_FAILED;
	copy->owner = NULL;
	free(passage.staged);
	free(passage.taken);
	free(passage.there);
	free(command);
	free(inner);
	return status;
}
