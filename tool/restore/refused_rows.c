/*-------------------------------------------------------------------------
 *
 * refused_rows.c
 *	  Tables whose rows the server refused, in a restore that goes on.
 *
 * A CHECK constraint or a domain may depend on the time, on other tables or
 * on a search_path, so that rows that were there are refused.  When all other
 * rows are loaded, each of these tables is tried again by one connection, in a
 * transaction of its own: as before (the other tables are complete now); with
 * the search_path of the database (own_path.c), if need be with the rights of
 * the table's owner (owner_rows.c); without the constraints that can refuse
 * rows; and, a partition, detached.  What was taken away is put back at the
 * end, when it can be.
 *
 *-------------------------------------------------------------------------
 */
#include "refused_rows.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "interrupt.h"
#include "log.h"
#include "memory.h"
#include "object_errors.h"
#include "object_runner.h"
#include "owner_rows.h"
#include "own_path.h"
#include "progress.h"
#include "quote.h"
#include "restore_settings.h"
#include "row_rights.h"
#include "server_failure.h"
#include "table_copy.h"

typedef struct RefusedTable
{
	bool refused;
	bool loaded;
	char *said;
	char state[6];
} RefusedTable;

struct RefusedRows
{
	const RestorePlan *plan;
	RefusedTable *tables; /* by position in the manifest */
	uint32_t count;       /* of refused ones */
	pthread_mutex_t mutex;
	Connection *connection;
	MemberReader reader;
	char **later; /* pairs of label and statement: constraints to be put back */
	uint32_t nlater;
};

/* What is done without, one after the other. */
typedef enum Without
{
	WITHOUT_NOTHING,
	WITHOUT_CHECKS,
	WITHOUT_PARENT,
	WITHOUTS
} Without;

/* The table and what it inherits from; the types that its columns are made of. */
#define TABLE_AND_TYPES                                                                            \
	"WITH RECURSIVE tables (oid, depth) AS ("                                                      \
	" SELECT pg_catalog.to_regclass($1::pg_catalog.text)::pg_catalog.oid, 0"                       \
	" UNION SELECT i.inhparent, tables.depth + 1 FROM tables JOIN pg_catalog.pg_inherits i"        \
	"  ON i.inhrelid = tables.oid),"                                                               \
	" types (oid) AS (SELECT a.atttypid FROM pg_catalog.pg_attribute a"                            \
	"  WHERE a.attrelid = pg_catalog.to_regclass($1::pg_catalog.text) AND a.attnum > 0"            \
	"  AND NOT a.attisdropped"                                                                     \
	" UNION SELECT u.oid FROM types JOIN pg_catalog.pg_type t ON t.oid = types.oid,"               \
	"  LATERAL (SELECT t.typbasetype UNION ALL SELECT t.typelem"                                   \
	"   UNION ALL SELECT r.rngsubtype FROM pg_catalog.pg_range r WHERE r.rngtypid = t.oid"         \
	"   UNION ALL SELECT a.atttypid FROM pg_catalog.pg_attribute a"                                \
	"    WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped) u (oid)"           \
	"  WHERE u.oid >= 16384)"

/* What takes them away, what brings them back, and how they are called; parents first. */
static const SqlConstant checks_query = SQL(
	TABLE_AND_TYPES
	" SELECT pg_catalog.format('ALTER TABLE %s%s DROP CONSTRAINT %I',"
	"   CASE WHEN k.connoinherit THEN 'ONLY ' END, c.oid::pg_catalog.regclass, k.conname),"
	"  pg_catalog.format('ALTER TABLE %s%s ADD CONSTRAINT %I %s',"
	"   CASE WHEN k.connoinherit THEN 'ONLY ' END, c.oid::pg_catalog.regclass, k.conname,"
	"   pg_catalog.pg_get_constraintdef(k.oid)),"
	"  pg_catalog.format('CHECK CONSTRAINT %s %I', c.oid::pg_catalog.regclass, k.conname),"
	"  tables.depth AS depth"
	" FROM tables JOIN pg_catalog.pg_class c ON c.oid = tables.oid"
	" JOIN pg_catalog.pg_constraint k ON k.conrelid = c.oid AND k.contype = 'c' AND k.conislocal"
	" UNION ALL"
	" SELECT pg_catalog.format('ALTER TABLE ONLY %s ALTER COLUMN %I DROP NOT NULL',"
	"   c.oid::pg_catalog.regclass, a.attname),"
	"  pg_catalog.format('ALTER TABLE ONLY %s ALTER COLUMN %I SET NOT NULL',"
	"   c.oid::pg_catalog.regclass, a.attname),"
	"  pg_catalog.format('NOT NULL %s %I', c.oid::pg_catalog.regclass, a.attname), 0"
	" FROM tables JOIN pg_catalog.pg_class c ON c.oid = tables.oid"
	" JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnotnull AND a.attnum > 0"
	" WHERE $2::pg_catalog.text = '23502' AND tables.depth = 0 AND a.attidentity = ''"
	" AND a.attinhcount = 0"
	" UNION ALL"
	" SELECT pg_catalog.format('ALTER DOMAIN %s DROP CONSTRAINT %I',"
	"   t.oid::pg_catalog.regtype, k.conname),"
	"  pg_catalog.format('ALTER DOMAIN %s ADD CONSTRAINT %I %s', t.oid::pg_catalog.regtype,"
	"   k.conname, pg_catalog.pg_get_constraintdef(k.oid)),"
	"  pg_catalog.format('CHECK CONSTRAINT %s %I', t.oid::pg_catalog.regtype, k.conname), 0"
	" FROM types JOIN pg_catalog.pg_type t ON t.oid = types.oid AND t.typtype = 'd'"
	" JOIN pg_catalog.pg_constraint k ON k.contypid = t.oid AND k.contype = 'c'"
	" UNION ALL"
	" SELECT pg_catalog.format('ALTER DOMAIN %s DROP NOT NULL', t.oid::pg_catalog.regtype),"
	"  pg_catalog.format('ALTER DOMAIN %s SET NOT NULL', t.oid::pg_catalog.regtype),"
	"  pg_catalog.format('NOT NULL %s', t.oid::pg_catalog.regtype), 0"
	" FROM types JOIN pg_catalog.pg_type t ON t.oid = types.oid AND t.typtype = 'd'"
	" WHERE t.typnotnull AND $2::pg_catalog.text = '23502'"
	" ORDER BY depth DESC");

static const SqlConstant parent_query =
	SQL("SELECT pg_catalog.format('ALTER TABLE ONLY %s DETACH PARTITION %s',"
		"   p.oid::pg_catalog.regclass, c.oid::pg_catalog.regclass),"
		"  pg_catalog.format('ALTER TABLE ONLY %s ATTACH PARTITION %s %s',"
		"   p.oid::pg_catalog.regclass, c.oid::pg_catalog.regclass,"
		"   pg_catalog.pg_get_expr(c.relpartbound, c.oid)),"
		"  pg_catalog.format('TABLE ATTACH %s', c.oid::pg_catalog.regclass)"
		" FROM pg_catalog.pg_class c JOIN pg_catalog.pg_inherits i ON i.inhrelid = c.oid"
		" JOIN pg_catalog.pg_class p ON p.oid = i.inhparent"
		" WHERE c.relispartition AND c.oid = pg_catalog.to_regclass($1::pg_catalog.text)"
		" AND $2::pg_catalog.text = '23514'");

RefusedRows *
refused_rows_create(const RestorePlan *plan)
{
	RefusedRows *refused = xcalloc(1, sizeof(*refused));

	refused->plan = plan;
	refused->tables = xcalloc((size_t) plan->manifest->ntables + 1, sizeof(RefusedTable));
	pthread_mutex_init(&refused->mutex, NULL);
	return refused;
}

void
refused_rows_free(RefusedRows *refused)
{
	uint32_t i;

	if (refused == NULL)
		return;
	for (i = 0; i < refused->plan->manifest->ntables; i++)
		free(refused->tables[i].said);
	for (i = 0; i < 2 * refused->nlater; i++)
		free(refused->later[i]);
	free(refused->later);
	free(refused->tables);
	pthread_mutex_destroy(&refused->mutex);
	free(refused);
}

void
refused_rows_add(RefusedRows *refused, int32_t table, char *said, const char *state)
{
	RefusedTable *entry = &refused->tables[table];

	pthread_mutex_lock(&refused->mutex);
	if (!entry->refused)
	{
		entry->refused = true;
		entry->said = said;
		snprintf(entry->state, sizeof(entry->state), "%s", state);
		refused->count++;
	}
	else
		free(said);
	pthread_mutex_unlock(&refused->mutex);
}

bool
refused_rows_has(RefusedRows *refused, int32_t table)
{
	bool has;

	if (refused == NULL || table < 0)
		return false;
	pthread_mutex_lock(&refused->mutex);
	has = refused->tables[table].refused;
	pthread_mutex_unlock(&refused->mutex);
	return has;
}

uint64_t
refused_rows_loaded(const RefusedRows *refused, int32_t table)
{
	return refused->tables[table].loaded ? refused->plan->manifest->tables[table].rows : 0;
}

/* ---- one attempt ---- */

/*
 * Take away the rows that came before others were refused.  Those that go in
 * through a partition's root lie among those of others, but are one COPY.
 */
static void
append_emptying(SqlText *sql, const ManifestTable *source)
{
	Buffer begin;
	bool own;

	buffer_init(&begin);
	buffer_append_string(&begin, "COPY ");
	quote_qualified(&begin, source->schema, source->name);
	buffer_append_char(&begin, ' ');
	own = strncmp(source->copy, begin.data, begin.length) == 0;
	buffer_free(&begin);
	if (!own)
		return;

	/* Configuration tables of extensions may have foreign keys already. */
	if (source->serial)
		sql_append(sql, "DELETE FROM ONLY ");
	else
		sql_append(sql, "TRUNCATE ONLY ");
	sql_qualified(sql, source->schema, source->name);
}

/* Keep the words of the last failure: those before it have been dealt with. */
static void
keep_words(RefusedTable *entry, char *said, const char *state)
{
	if (said == NULL)
		return;
	free(entry->said);
	entry->said = said;
	snprintf(entry->state, sizeof(entry->state), "%s", state);
}

/* Within the transaction. */
static bool
run(RefusedRows *refused, RefusedTable *entry, const char *sql)
{
	PGresult *result = connection_exec(refused->connection, sql);
	ExecStatusType status = PQresultStatus(result);
	const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	bool good = status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;

	if (!good)
		keep_words(entry, server_failure_said(refused->connection, result),
				   state != NULL ? state : "");
	PQclear(result);
	return good;
}

/* All rows of the table, by COPY. */
static bool
copy_rows(RefusedRows *refused, int32_t table)
{
	const Manifest *manifest = refused->plan->manifest;
	TableCopy copy;
	bool good;
	uint32_t i;

	table_copy_init(&copy, refused->connection, manifest, COPY_FORMAT_TEXT);
	copy.quiet = true;
	good = table_copy_begin(&copy, table);
	for (i = 0; good && i < manifest->nmembers; i++)
	{
		const Member *member = &manifest->members[i];
		const char *rows;
		size_t length;

		if (member->kind != MEMBER_DATA || member->table != table)
			continue;
		good = member_reader_read(&refused->reader, member) &&
			   member_reader_rows(&refused->reader, member, &rows, &length) &&
			   table_copy_send(&copy, rows, length, member->rows);
	}
	good = good && table_copy_end(&copy);
	if (!good)
	{
		keep_words(&refused->tables[table], copy.said, copy.state);
		copy.said = NULL;
		table_copy_give_up(&copy);
	}
	table_copy_free(&copy);
	return good;
}

/* The same with the rights of the owner. */
static bool
add_as_owner(RefusedRows *refused, int32_t table, const char *name, const char *owner)
{
	RowRights rights = {true, xstrdup(owner), NULL};
	RowCopy copy = {refused->connection, &refused->reader, name, false, NULL, NULL, false};
	uint64_t added = 0;
	uint64_t present = 0;
	bool good = owner_rows_add(&copy, &rights, table, false, &added, &present) == ROW_COPY_GOOD;

	row_rights_free(&rights);
	return good;
}

/* Take away what can refuse rows, and note what brings it back; *some: there was any. */
static bool
take_away(RefusedRows *refused, RefusedTable *entry, const char *name, Without without, bool *some)
{
	const char *params[2] = {name, entry->state};
	PGresult *result = connection_ask(
		refused->connection, without == WITHOUT_CHECKS ? checks_query : parent_query, 2, params);
	bool good = PQresultStatus(result) == PGRES_TUPLES_OK;
	int i;

	*some = *some || PQntuples(result) > 0;
	for (i = 0; good && i < PQntuples(result); i++)
	{
		good = run(refused, entry, PQgetvalue(result, i, 0));
		refused->later =
			xrealloc(refused->later, 2 * ((size_t) refused->nlater + 1) * sizeof(char *));
		refused->later[2 * refused->nlater] = xstrdup(PQgetvalue(result, i, 2));
		refused->later[2 * refused->nlater + 1] = xstrdup(PQgetvalue(result, i, 1));
		refused->nlater++;
	}
	PQclear(result);
	return good;
}

static void
forget_later(RefusedRows *refused, uint32_t count)
{
	while (refused->nlater > count)
	{
		refused->nlater--;
		free(refused->later[2 * refused->nlater]);
		free(refused->later[2 * refused->nlater + 1]);
	}
}

typedef enum PathUse
{
	PATH_EMPTY,
	PATH_OF_SESSION, /* functions have the owner's path, and the session's rights */
	PATH_OF_OWNER    /* and the owner's rights */
} PathUse;

/* One transaction, in which the table is emptied and filled. */
static bool
attempt(RefusedRows *refused, int32_t table, Without without, PathUse path)
{
	const ManifestTable *source = &refused->plan->manifest->tables[table];
	RefusedTable *entry = &refused->tables[table];
	const char *owner = object_errors_owner(refused->plan, source->oid);
	uint32_t before = refused->nlater;
	char *unpin = NULL;
	bool some = without == WITHOUT_NOTHING;
	Buffer name;
	SqlText empty;
	bool good;

	buffer_init(&name);
	quote_qualified(&name, source->schema, source->name);
	sql_init(&empty);
	append_emptying(&empty, source);
	good = run(refused, entry, "BEGIN") &&
		   (sql_length(&empty) == 0 || run(refused, entry, sql_string(&empty)));
	if (good && without >= WITHOUT_CHECKS)
		good = take_away(refused, entry, name.data, WITHOUT_CHECKS, &some);
	if (good && without >= WITHOUT_PARENT)
	{
		some = source->serial;
		good = !some && take_away(refused, entry, name.data, WITHOUT_PARENT, &some);
	}
	good = good && some;
	if (good && path != PATH_EMPTY)
		good =
			own_path_pin(refused->plan, refused->connection, owner, path == PATH_OF_OWNER, &unpin);
	good = good && (path == PATH_OF_OWNER ? add_as_owner(refused, table, name.data, owner)
										  : copy_rows(refused, table));
	good = good && (unpin == NULL || run(refused, entry, unpin));
	entry->loaded = good && run(refused, entry, "COMMIT");
	if (!entry->loaded)
	{
		PQclear(connection_exec(refused->connection, SQL("ROLLBACK")));
		forget_later(refused, before);
	}
	free(unpin);
	sql_free(&empty);
	buffer_free(&name);
	return entry->loaded;
}

static bool
is_usable(const RefusedRows *refused)
{
	return PQstatus(refused->connection->pg) == CONNECTION_OK && !stop_requested();
}

/* Everything that may help, the least first. */
static void
try_hard(RefusedRows *refused, int32_t table)
{
	RefusedTable *entry = &refused->tables[table];
	int without;

	for (without = WITHOUT_NOTHING; without < WITHOUTS && !entry->loaded; without++)
	{
		int path;

		for (path = PATH_EMPTY; path <= PATH_OF_OWNER && !entry->loaded; path++)
		{
			if (!is_usable(refused) || (path > PATH_EMPTY && !own_path_may_help(entry->state)))
				break;
			attempt(refused, table, (Without) without, (PathUse) path);
		}
	}
}

/* ---- all of them ---- */

/* As long as one that is loaded lets others in. */
static void
try_again(RefusedRows *refused)
{
	const Manifest *manifest = refused->plan->manifest;
	bool progress_made = true;
	uint32_t i;

	while (progress_made)
	{
		progress_made = false;
		for (i = 0; i < manifest->ntables; i++)
		{
			RefusedTable *entry = &refused->tables[i];

			if (entry->refused && !entry->loaded && is_usable(refused) &&
				attempt(refused, (int32_t) i, WITHOUT_NOTHING, PATH_EMPTY))
				progress_made = true;
		}
	}
}

/* All of its rows or none: so they can be appended later. */
static void
note(RefusedRows *refused, int32_t table)
{
	const ManifestTable *source = &refused->plan->manifest->tables[table];
	Buffer label;
	SqlText empty;

	/* The table itself is among what is missing. */
	if (source->rows == 0)
		return;
	sql_init(&empty);
	append_emptying(&empty, source);
	if (sql_length(&empty) > 0)
		PQclear(connection_exec(refused->connection, &empty));
	sql_free(&empty);

	buffer_init(&label);
	buffer_append_string(&label, "table ");
	quote_qualified(&label, source->schema, source->name);
	object_errors_add(refused->plan, NULL, false, label.data, NULL, refused->tables[table].said,
					  source->rows);
	buffer_free(&label);
}

/* The last one taken away comes first: parents after children. */
static bool
put_back(RefusedRows *refused)
{
	bool good = true;
	uint32_t i;

	for (i = refused->nlater; good && i > 0; i--)
		good = object_runner_statement(refused->plan, refused->connection, NULL,
									   refused->later[2 * (i - 1)], "",
									   refused->later[2 * (i - 1) + 1]);
	return good;
}

static bool
load_all(RefusedRows *refused)
{
	const RestorePlan *plan = refused->plan;
	bool good;
	uint32_t i;

	try_again(refused);
	for (i = 0; i < plan->manifest->ntables; i++)
	{
		if (refused->tables[i].refused && !refused->tables[i].loaded)
			try_hard(refused, (int32_t) i);
	}
	good = is_usable(refused) ||
		   (!stop_requested() && connection_report(refused->connection, NULL,
												   "could not load the rows that were refused"));
	for (i = 0; good && i < plan->manifest->ntables; i++)
	{
		if (refused->tables[i].refused && !refused->tables[i].loaded)
			note(refused, (int32_t) i);
	}
	return good && put_back(refused);
}

bool
refused_rows_run(RefusedRows *refused)
{
	const RestorePlan *plan = refused->plan;
	bool good;

	if (refused->count == 0)
		return true;
	progress_phase("loading what was refused", "", 0, 0);
	refused->connection = object_runner_connect(plan);
	good = refused->connection != NULL &&
		   member_reader_open(&refused->reader, plan->repository, plan->manifest) &&
		   load_all(refused);
	member_reader_close(&refused->reader);
	connection_close(refused->connection);
	return good;
}
