/*-------------------------------------------------------------------------
 *
 * source_table.c
 *	  Reading the list of tables from the catalog.
 *
 * The same choice as pg_dump's getTables() and processExtensionTables():
 * leaves but not partitioned parents, no foreign tables, no temporary ones,
 * members of extensions only where pg_extension.extconfig lists them, with
 * their condition.  Leaves below a hash partitioning on an enum are restored
 * through the root, because the hash of an enum value depends on its OID.  So
 * are those below one on arrays, rows or ranges, which may hold enums; pg_dump
 * does not look so deep, and its restore fails.
 *
 *-------------------------------------------------------------------------
 */
#include "source_table.h"

#include <stdlib.h>
#include <string.h>

#include "buffer.h"
#include "log.h"
#include "memory.h"
#include "code_of_others.h"
#include "quote.h"

/*
 * The owner of a partitioned table can create indexes on its partitions, too,
 * and the owner of a schema can give its name to another one.  On a standby nobody can keep owners
 * away from what they do on the primary server.
 */
#define MAY_BE_PLANNED                                                                             \
	"CASE WHEN " PLANNING_RUNS_CODE_OF_OTHERS " THEN 'never'"                                      \
	" WHEN x.condition IS NULL AND " PLANNING_RUNS_CODE_OF_USERS " THEN 'never'"                   \
	" WHEN c.relowner IN " ROLES_EQUAL_TO_SESSION " AND " SCHEMA_OF_EQUALS                         \
	" AND NOT (c.relispartition AND EXISTS ("                                                      \
	"   SELECT FROM pg_catalog.pg_partition_ancestors(c.oid) up"                                   \
	"   JOIN pg_catalog.pg_class a ON a.oid = up.relid"                                            \
	"   WHERE a.relowner NOT IN " ROLES_EQUAL_TO_SESSION ")) THEN 'free'"                          \
	" WHEN pg_catalog.pg_is_in_recovery() THEN 'never' ELSE 'guarded' END"

/*
 * Ranges of ctid mean blocks, and are read as such: the costs of a tablespace, which are its
 * owner's, could make each range a scan of the whole table.
 */
#define MAY_BE_CUT                                                                                 \
	"coalesce(am.amname = 'heap', false) AND NOT EXISTS (SELECT FROM pg_catalog.pg_tablespace t"   \
	" JOIN pg_catalog.pg_roles r ON r.oid = t.spcowner WHERE NOT r.rolsuper"                       \
	" AND t.spcoptions IS NOT NULL AND t.oid = CASE WHEN c.reltablespace <> 0"                     \
	"  THEN c.reltablespace ELSE (SELECT d.dattablespace FROM pg_catalog.pg_database d"            \
	"   WHERE d.datname = pg_catalog.current_database()) END)"

static const SqlConstant tables_query = SQL(
	"SELECT c.oid, n.nspname, c.relname, pg_catalog.format('%I.%I', n.nspname, c.relname),"
	" coalesce((SELECT pg_catalog.string_agg(pg_catalog.quote_ident(a.attname), ', ' ORDER BY "
	"a.attnum)"
	"   FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0"
	"   AND NOT a.attisdropped AND a.attgenerated = ''), ''),"
	" CASE WHEN c.relispartition AND EXISTS ("
	"   SELECT FROM pg_catalog.pg_partition_ancestors(c.oid) up"
	"   JOIN pg_catalog.pg_partitioned_table p ON p.partrelid = up.relid"
	"   JOIN pg_catalog.pg_opclass o ON o.oid = ANY (p.partclass::oid[])"
	"   WHERE p.partstrat = 'h' AND o.opcname IN"
	"    ('enum_ops', 'array_ops', 'record_ops', 'range_ops', 'multirange_ops'))"
	"  THEN pg_catalog.pg_partition_root(c.oid)::pg_catalog.text END,"
	" coalesce(x.condition, ''), c.relkind = 'p', " MAY_BE_CUT ","
	" x.oid IS NOT NULL, " MAY_BE_PLANNED ", pg_catalog.pg_get_userbyid(c.relowner), x.extname"
	" FROM pg_catalog.pg_class c"
	" JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
	" LEFT JOIN pg_catalog.pg_am am ON am.oid = c.relam"
	" LEFT JOIN (SELECT pg_catalog.unnest(extconfig) AS oid, pg_catalog.unnest(extcondition) AS "
	"condition, extname"
	"   FROM pg_catalog.pg_extension) x ON x.oid = c.oid"
	" WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't'"
	" AND (c.relpersistence <> 'u' OR NOT pg_catalog.pg_is_in_recovery())"
	" AND (x.oid IS NOT NULL OR (n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'"
	"   AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d"
	"     WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = c.oid"
	"     AND d.objsubid = 0 AND d.deptype = 'e')))"
	" ORDER BY x.oid IS NOT NULL, n.nspname, c.relname");

/*
 * Apart from the list, because pg_relation_size() opens the table: asked before
 * the table is locked it would wait behind whoever has it locked.
 */
static const SqlConstant sizes_query =
	SQL("SELECT coalesce(pg_catalog.pg_relation_size(c.oid), 0),"
		" CASE WHEN c.reltoastrelid = 0 THEN 0 ELSE "
		"coalesce(pg_catalog.pg_relation_size(c.reltoastrelid), 0) END"
		" FROM pg_catalog.unnest($1::pg_catalog.oid[]) WITH ORDINALITY AS t (oid, place)"
		" LEFT JOIN pg_catalog.pg_class c ON c.oid = t.oid ORDER BY t.place");

/* Which configuration table must be filled before which. */
static const SqlConstant references_query =
	SQL("SELECT DISTINCT k.conrelid, k.confrelid FROM pg_catalog.pg_constraint k"
		" WHERE k.contype = 'f' AND k.conrelid <> k.confrelid"
		" AND k.conrelid IN (SELECT pg_catalog.unnest(extconfig) FROM pg_catalog.pg_extension)"
		" AND k.confrelid IN (SELECT pg_catalog.unnest(extconfig) FROM pg_catalog.pg_extension)");

static uint64_t
number_of(const PGresult *result, int row, int column)
{
	return strtoull(PQgetvalue(result, row, column), NULL, 10);
}

static bool
flag_of(const PGresult *result, int row, int column)
{
	return PQgetvalue(result, row, column)[0] == 't';
}

/* The server quotes as its version must; that these are names and nothing else is looked at here.
 */
static bool
read_names(SqlText *sql, const char *names)
{
	sql_init(sql);
	return names[0] == '\0' || sql_checked_names(sql, names) ||
		   report_error(EXIT_FAILED, NULL, NULL,
						"the server quotes names in a way that is not known");
}

static TablePlanning
planning_of(const char *word)
{
	if (strcmp(word, "free") == 0)
		return PLANNING_FREE;
	return strcmp(word, "guarded") == 0 ? PLANNING_GUARDED : PLANNING_NEVER;
}

static bool
read_row(const PGresult *result, int row, SourceTable *table)
{
	bool through_root = !PQgetisnull(result, row, 5);

	table->oid = (uint32_t) number_of(result, row, 0);
	table->schema = xstrdup(PQgetvalue(result, row, 1));
	table->name = xstrdup(PQgetvalue(result, row, 2));
	table->qualified = xstrdup(PQgetvalue(result, row, 3));
	table->condition = xstrdup(PQgetvalue(result, row, 6));
	table->partitioned = flag_of(result, row, 7);
	table->is_heap = flag_of(result, row, 8);
	table->configuration = flag_of(result, row, 9);
	table->planning = planning_of(PQgetvalue(result, row, 10));
	table->owner = xstrdup(PQgetvalue(result, row, 11));
	table->extension = PQgetisnull(result, row, 12) ? NULL : xstrdup(PQgetvalue(result, row, 12));
	table->serial = table->configuration || through_root;
	return read_names(&table->columns, PQgetvalue(result, row, 4)) &&
		   read_names(&table->restore_into, PQgetvalue(result, row, through_root ? 5 : 3));
}

static int
position_of(const SourceTables *list, uint32_t oid)
{
	int i;

	for (i = 0; i < list->count; i++)
	{
		if (list->tables[i].oid == oid)
			return i;
	}
	return -1;
}

/*
 * Move referenced configuration tables before those that refer to them.
 * Each round settles at least one more table of every chain, so as many
 * rounds as references are enough; a cycle is left as it is, as by pg_dump.
 */
static bool
order_configuration(Connection *connection, SourceTables *list)
{
	PGresult *result = connection_query(connection, references_query, 0, NULL);
	bool moved = true;
	int round;
	int i;

	if (result == NULL)
		return false;
	for (round = 0; moved && round <= PQntuples(result); round++)
	{
		moved = false;
		for (i = 0; i < PQntuples(result); i++)
		{
			int from = position_of(list, (uint32_t) number_of(result, i, 0));
			int to = position_of(list, (uint32_t) number_of(result, i, 1));
			SourceTable referenced;

			if (from < 0 || to < from)
				continue;
			referenced = list->tables[to];
			memmove(&list->tables[from + 1], &list->tables[from],
					(size_t) (to - from) * sizeof(SourceTable));
			list->tables[from] = referenced;
			moved = true;
		}
	}
	PQclear(result);
	return true;
}

static int
compare_oids(const void *a, const void *b, void *argument)
{
	const SourceTable *tables = argument;
	uint32_t x = tables[*(const int *) a].oid;
	uint32_t y = tables[*(const int *) b].oid;

	return x < y ? -1 : x > y;
}

static void
order_by_oid(SourceTables *list)
{
	int i;

	list->by_oid = xcalloc((size_t) list->count + 1, sizeof(int));
	for (i = 0; i < list->count; i++)
		list->by_oid[i] = i;
	qsort_r(list->by_oid, (size_t) list->count, sizeof(int), compare_oids, list->tables);
}

bool
source_tables_read(Connection *connection, SourceTables *list)
{
	PGresult *result = connection_query(connection, tables_query, 0, NULL);
	bool good = true;
	int i;

	memset(list, 0, sizeof(*list));
	if (result == NULL)
		return false;
	list->count = PQntuples(result);
	list->tables = xcalloc((size_t) list->count + 1, sizeof(SourceTable));
	for (i = 0; good && i < list->count; i++)
		good = read_row(result, i, &list->tables[i]);
	PQclear(result);
	if (!good || !order_configuration(connection, list))
		return false;
	order_by_oid(list);
	return true;
}

char *
source_tables_oids(const SourceTables *list)
{
	Buffer oids;
	int i;

	buffer_init(&oids);
	buffer_append_char(&oids, '{');
	for (i = 0; i < list->count; i++)
		buffer_printf(&oids, "%s%u", i > 0 ? "," : "", list->tables[i].oid);
	buffer_append_char(&oids, '}');
	return buffer_detach(&oids);
}

bool
source_tables_read_sizes(Connection *connection, SourceTables *list)
{
	char *oids = source_tables_oids(list);
	const char *params[1] = {oids};
	PGresult *result = connection_query(connection, sizes_query, 1, params);
	int i;

	free(oids);
	if (result == NULL)
		return false;
	for (i = 0; i < list->count && i < PQntuples(result); i++)
	{
		list->tables[i].heap_bytes = number_of(result, i, 0);
		list->tables[i].toast_bytes = number_of(result, i, 1);
	}
	PQclear(result);
	return true;
}

void
source_tables_free(SourceTables *list)
{
	int i;

	for (i = 0; i < list->count; i++)
	{
		free(list->tables[i].schema);
		free(list->tables[i].name);
		free(list->tables[i].qualified);
		sql_free(&list->tables[i].columns);
		sql_free(&list->tables[i].restore_into);
		free(list->tables[i].condition);
		free(list->tables[i].owner);
		free(list->tables[i].extension);
	}
	free(list->tables);
	free(list->by_oid);
	memset(list, 0, sizeof(*list));
}

bool
source_tables_have(const SourceTables *list, const SourceTable *table)
{
	int low = 0;
	int high = list->count;

	while (low < high)
	{
		int middle = low + (high - low) / 2;
		const SourceTable *found = &list->tables[list->by_oid[middle]];

		if (found->oid == table->oid)
			return strcmp(found->qualified, table->qualified) == 0;
		if (found->oid < table->oid)
			low = middle + 1;
		else
			high = middle;
	}
	return false;
}

bool
source_tables_contain(const SourceTables *list, const SourceTables *other)
{
	int i;

	for (i = 0; i < other->count; i++)
	{
		if (!source_tables_have(list, &other->tables[i]))
			return false;
	}
	return true;
}

char *
source_table_restore_statement(const SourceTable *table)
{
	SqlText sql;

	sql_init(&sql);
	sql_append(&sql, "COPY ");
	sql_text(&sql, &table->restore_into);
	sql_append(&sql, " ");
	if (sql_length(&table->columns) > 0)
	{
		sql_append(&sql, "(");
		sql_text(&sql, &table->columns);
		sql_append(&sql, ")");
	}
	sql_append(&sql, " FROM stdin;");
	return buffer_detach(&sql.text);
}

void
source_table_name(const SourceTable *table, SqlText *sql)
{
	sql_qualified(sql, table->schema, table->name);
}

/* "COPY (SELECT columns FROM ONLY table " */
static void
begin_query(const SourceTable *table, SqlText *sql)
{
	sql_append(sql, "COPY (SELECT ");
	sql_text(sql, &table->columns);
	sql_append(sql, " FROM ONLY ");
	source_table_name(table, sql);
	sql_append(sql, " ");
}

bool
source_table_is_query(const SourceTable *table)
{
	return table->condition[0] != '\0';
}

bool
source_table_refuse(const SourceTable *table)
{
	char *name = printable_name(table->qualified);
	char *owner = printable_name(table->owner);

	report_error(EXIT_FAILED,
				 "The extension that it belongs to has set a condition for its rows. A query with "
				 "a condition runs code that the owner of the table, of its indexes or of its "
				 "schema can choose, with the rights of this session, unless these can be locked.",
				 "Give the table, its schema, and the functions that its indexes use to a "
				 "superuser, or run the backup as a superuser on the primary server.",
				 "cannot read table %s, which belongs to an extension and to user \"%s\"", name,
				 owner);
	free(name);
	free(owner);
	return false;
}

bool
source_tables_check(const SourceTables *list)
{
	int i;

	for (i = 0; i < list->count; i++)
	{
		const SourceTable *table = &list->tables[i];

		if (!source_table_is_query(table) || table->planning != PLANNING_NEVER)
			continue;
		return source_table_refuse(table);
	}
	return true;
}

void
source_table_check_name(const SourceTable *table, bool locked, SqlText *sql)
{
	sql_append(sql, "SELECT 1 / (CASE WHEN pg_catalog.to_regclass(");
	sql_qualified_literal(sql, table->schema, table->name);
	sql_append(sql, ") = ");
	sql_unsigned(sql, table->oid);
	sql_append(sql, "::pg_catalog.oid");
	if (!locked)
	{
		sql_append(sql, " AND EXISTS (SELECT FROM pg_catalog.pg_locks l"
						" WHERE l.pid = pg_catalog.pg_backend_pid() AND l.locktype = 'relation'"
						" AND l.granted AND l.relation = ");
		sql_unsigned(sql, table->oid);
		sql_append(sql, ")");
	}
	sql_append(sql, " THEN 1 ELSE 0 END);");
}

void
source_table_copy_whole(const SourceTable *table, SqlText *sql)
{
	/* A query is planned, which may run code of an index: not where it can be done without. */
	if (source_table_is_query(table))
	{
		begin_query(table, sql);
		/* Words of the extension's own script, as trustworthy as the rest of it. */
		buffer_append_string(&sql->text, table->condition);
		sql_append(sql, ") TO STDOUT;");
		return;
	}
	sql_append(sql, "COPY ");
	source_table_name(table, sql);
	/* Without a list of columns COPY leaves out the generated ones, which may be all. */
	if (sql_length(&table->columns) > 0)
	{
		sql_append(sql, " (");
		sql_text(sql, &table->columns);
		sql_append(sql, ")");
	}
	sql_append(sql, " TO STDOUT;");
}

/* A ctid, the first one of a block. */
static void
append_ctid(SqlText *sql, uint32_t block)
{
	sql_append(sql, "'(");
	sql_unsigned(sql, block);
	sql_append(sql, ",0)'::pg_catalog.tid");
}

void
source_table_blocks(uint32_t block_from, uint32_t block_to, SqlText *sql)
{
	sql_append(sql, "WHERE ctid >= ");
	append_ctid(sql, block_from);
	if (block_to == 0)
		return;
	sql_append(sql, " AND ctid < ");
	append_ctid(sql, block_to);
}

void
source_table_copy_blocks(const SourceTable *table, uint32_t block_from, uint32_t block_to,
						 SqlText *sql)
{
	begin_query(table, sql);
	source_table_blocks(block_from, block_to, sql);
	sql_append(sql, ") TO STDOUT;");
}
