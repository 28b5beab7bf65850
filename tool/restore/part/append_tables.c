/*-------------------------------------------------------------------------
 *
 * append_tables.c
 *	  The tables that --append fills: finding, checking and ordering them.
 *
 * A table that is a partition now takes its rows through its root, since its
 * bounds may be others than at the backup.  For the same reason the rows of a
 * partition that is gone go to what was its parent.
 *
 *-------------------------------------------------------------------------
 */
#include "append_tables.h"

#include <stdlib.h>
#include <string.h>

#include "authors.h"
#include "given_code.h"
#include "live_owners.h"
#include "log.h"
#include "memory.h"
#include "part_settings.h"
#include "quote.h"
#include "rename.h"
#include "row_copy.h"
#include "row_rights.h"
#include "selection_closure.h"
#include "settings.h"
#include "sql_name.h"
#include "turn_settings.h"

/* A partition by its root: that is where rows find their places. */
static const char find_query[] =
	"SELECT r.oid, pg_catalog.format('%I.%I', m.nspname, r.relname), r.relkind"
	" FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
	" JOIN pg_catalog.pg_class r ON r.oid = CASE WHEN c.relispartition AND c.relkind IN ('r', 'p')"
	"  THEN pg_catalog.pg_partition_root(c.oid) ELSE c.oid END"
	" JOIN pg_catalog.pg_namespace m ON m.oid = r.relnamespace"
	" WHERE n.nspname = $1::pg_catalog.name AND c.relname = $2::pg_catalog.name";

static const char columns_query[] =
	"SELECT a.attname, a.attgenerated <> '' FROM pg_catalog.pg_attribute a"
	" WHERE a.attrelid = $1::pg_catalog.oid AND a.attnum > 0 AND NOT a.attisdropped";

/* Whose is the table, or the root that takes its rows, if not one of $4 and not trusted? */
static const char owner_query[] =
	"SELECT r.rolname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_roles r ON r.oid = c.relowner"
	" WHERE c.oid IN ($1::pg_catalog.oid, pg_catalog.to_regclass(pg_catalog.format('%I.%I',"
	"  $2::pg_catalog.text, $3::pg_catalog.text))::pg_catalog.oid)"
	" AND NOT " ROW_ROLE_IS_TRUSTED
	" AND r.rolname::pg_catalog.text <> ALL ($4::pg_catalog.text[]) LIMIT 1";

/* Look for a relation; false (reported) on failure, table->oid 0 if there is none. */
static bool
look_up(Connection *connection, const char *schema, const char *name, AppendTable *table)
{
	const char *params[2] = {schema, name};
	PGresult *result = connection_query(connection, find_query, 2, params);
	bool good = result != NULL;

	table->oid = 0;
	if (good && PQntuples(result) == 1)
	{
		char kind = PQgetvalue(result, 0, 2)[0];

		table->oid = (uint32_t) strtoul(PQgetvalue(result, 0, 0), NULL, 10);
		table->target = xstrdup(PQgetvalue(result, 0, 1));
		if (strchr("rpf", kind) == NULL)
			good = report_error(EXIT_FAILED, NULL, NULL, "%s is not a table now", table->target);
	}
	PQclear(result);
	return good;
}

/* The table that this one was a partition of, or NULL. */
static const TocEntry *
parent_of(const Selection *selection, const TocEntry *entry)
{
	int d;

	for (d = 0; entry != NULL && d < entry->ndepends_on; d++)
	{
		const TocEntry *other = archive_toc_find(&selection->toc, entry->depends_on[d]);

		if (other != NULL && toc_entry_is(other, "TABLE") &&
			selection_is_partition(selection, entry, other))
			return other;
	}
	return NULL;
}

static bool
report_missing(const char *schema, const char *name)
{
	return report_error(EXIT_FAILED, NULL,
						"Restore the table itself: leave out --append.  Or give the name of "
						"another table with --as.",
						"table \"%s.%s\" does not exist", schema, name);
}

/* The table of the same name, or of the name of --as; or what was its parent. */
static bool
find_target(const RestorePlan *plan, Connection *connection, const ManifestTable *source,
			AppendTable *table)
{
	const TocEntry *entry = selection_table(plan->selection, source->oid);
	const TocEntry *parent = parent_of(plan->selection, entry);
	char *schema = NULL;
	char *name = NULL;
	bool good = true;

	if (plan->settings->part->as != NULL)
	{
		good = rename_parse_target(plan->settings->part->as, &schema, &name) &&
			   look_up(connection, schema != NULL ? schema : source->schema, name, table);
		if (good && table->oid == 0)
			good = report_missing(schema != NULL ? schema : source->schema, name);
		free(schema);
		free(name);
		return good;
	}
	good = look_up(connection, source->schema, source->name, table);
	while (good && table->oid == 0 && parent != NULL)
	{
		good = look_up(connection, parent->schema, parent->tag, table);
		if (good && table->oid != 0)
			log_info("\"%s.%s\" does not exist now, its rows go into %s", source->schema,
					 source->name, table->target);
		parent = parent_of(plan->selection, parent);
	}
	if (good && table->oid == 0)
		good = report_missing(source->schema, source->name);
	return good;
}

/* Is there a column of this name that can be given a value?  Reported if not. */
static bool
check_column(const PGresult *columns, const char *column, const AppendTable *table)
{
	int i;

	for (i = 0; i < PQntuples(columns); i++)
	{
		if (strcmp(PQgetvalue(columns, i, 0), column) != 0)
			continue;
		return PQgetvalue(columns, i, 1)[0] != 't' ||
			   report_error(EXIT_FAILED, NULL,
							"Restore the table under another name with --as, and carry its rows "
							"over with INSERT.",
							"column \"%s\" of table %s is generated now", column, table->target);
	}
	return report_error(EXIT_FAILED, "The backup has it.",
						"Restore the table under another name with --as, and carry its rows over "
						"with INSERT.",
						"column \"%s\" of table %s does not exist", column, table->target);
}

static bool
check_columns(Connection *connection, const ManifestTable *source, const AppendTable *table)
{
	char *oid = xasprintf("%u", table->oid);
	const char *params[1] = {oid};
	PGresult *columns = connection_query(connection, columns_query, 1, params);
	size_t length;
	const char *text = row_copy_columns(source, &length);
	const char *end = text + length;
	bool good = columns != NULL;

	free(oid);
	while (good && text < end && *text != ')')
	{
		char *column;

		text = sql_name_read(text + strspn(text, "(, "), &column);
		if (text == NULL)
			break;
		good = check_column(columns, column, table);
		free(column);
	}
	PQclear(columns);
	return good;
}

/* The roles that the table and its parents belong to in the backup, as an array; caller frees. */
static char *
owners_in_backup(const Selection *selection, const TocEntry *entry)
{
	Buffer owners;

	buffer_init(&owners);
	buffer_append_char(&owners, '{');
	for (; entry != NULL; entry = parent_of(selection, entry))
		quote_array_item(&owners, entry->owner);
	buffer_append_char(&owners, '}');
	return buffer_detach(&owners);
}

/*
 * Rows are not for somebody who has made another table under the name of one
 * that is gone.  The table is locked.  With --as, the name is not that of the
 * backup.
 */
static bool
check_owner(const RestorePlan *plan, Connection *connection, const ManifestTable *source,
			const AppendTable *table)
{
	const TocEntry *entry = selection_table(plan->selection, source->oid);
	const char *params[4] = {NULL, source->schema, source->name, NULL};
	PGresult *result;
	char *owners;
	char *oid;
	bool good;

	if (plan->settings->turns->rows_as == ROWS_AS_SESSION || plan->settings->part->as != NULL ||
		entry == NULL || entry->owner[0] == '\0')
		return true;
	params[0] = oid = xasprintf("%u", table->oid);
	params[3] = owners = owners_in_backup(plan->selection, entry);
	result = connection_query(connection, owner_query, 4, params);
	good = result != NULL;
	if (good && PQntuples(result) > 0)
		good = report_error(EXIT_FAILED, "Its owner could read the rows.", OTHER_OWNER_HINT,
							"table %s belongs to \"%s\" now, and in the backup to \"%s\"",
							table->target, PQgetvalue(result, 0, 0), entry->owner);
	PQclear(result);
	free(owners);
	free(oid);
	return good;
}

bool
append_tables_find(const RestorePlan *plan, Connection *connection, AppendTables *tables)
{
	const Manifest *manifest = plan->manifest;
	bool good = true;
	uint32_t i;

	tables->items = xcalloc((size_t) manifest->ntables + 1, sizeof(AppendTable));
	tables->count = manifest->ntables;
	for (i = 0; good && i < manifest->ntables; i++)
	{
		AppendTable *table = &tables->items[i];

		table->source = (int32_t) i;
		table->counted = tables->counted;
		good = find_target(plan, connection, &manifest->tables[i], table) &&
			   connection_commandf(connection, "LOCK TABLE ONLY %s IN ROW EXCLUSIVE MODE",
								   table->target) &&
			   check_owner(plan, connection, &manifest->tables[i], table) &&
			   check_columns(connection, &manifest->tables[i], table) &&
			   append_tables_decide(plan, connection, table);
	}
	return good;
}

/* Rows of a partition are added through its root, which has not been looked at. */
static bool
check_no_partition(Connection *connection, const AppendTable *table)
{
	char *oid = xasprintf("%u", table->oid);
	const char *params[1] = {oid};
	PGresult *result = connection_query(connection,
										"SELECT FROM pg_catalog.pg_class"
										" WHERE oid = $1::pg_catalog.oid AND relispartition"
										" AND relkind IN ('r', 'p')",
										1, params);
	bool good = result != NULL;

	free(oid);
	if (good && PQntuples(result) > 0)
		good =
			report_error(EXIT_FAILED, NULL, "Try again.  " ROWS_AS_SESSION_HINT,
						 "table %s was made a partition of another one meanwhile", table->target);
	PQclear(result);
	return good;
}

/* A partition may have been detached since, with what it had of its root. */
static bool
check_parents(const RestorePlan *plan, Connection *connection, const AppendTable *table)
{
	const ManifestTable *source = &plan->manifest->tables[table->source];
	const TocEntry *entry = selection_table(plan->selection, source->oid);
	const RowRights *rights = &table->rights;

	return entry == NULL || rights->code == NULL ||
		   authors_check_parents(plan, connection, entry, rights->as_owner ? rights->owner : NULL,
								 rights->code);
}

/*
 * Code of the owner would run without the triggers and foreign keys of all
 * tables that it may write to, as session_replication_role is the session's.
 */
static bool
check_disabled(const RestorePlan *plan, const AppendTable *table)
{
	char *detail;

	if (!plan->settings->part->disable_triggers || !table->rights.as_owner)
		return true;
	detail =
		xasprintf("The owner adds them because of %s, and could write to other tables "
				  "without their triggers and foreign keys.",
				  table->rights.code != NULL ? table->rights.code : "the rights of the session");
	report_error(EXIT_FAILED, detail,
				 "Restore them without --disable-triggers.  " ROWS_AS_SESSION_HINT,
				 "could not add rows to table %s with the rights of its owner and "
				 "--disable-triggers",
				 table->target);
	free(detail);
	return false;
}

bool
append_tables_decide(const RestorePlan *plan, Connection *connection, AppendTable *table)
{
	row_rights_free(&table->rights);
	if (plan->settings->turns->rows_as == ROWS_AS_SESSION)
		return true;
	return check_no_partition(connection, table) &&
		   row_rights_decide(plan->settings, connection, &plan->manifest->tables[table->source],
							 table->target, table->oid, table->counted, &table->rights) &&
		   check_disabled(plan, table) && check_parents(plan, connection, table) &&
		   given_code_check_rows(connection, table->target, true, &table->rights);
}

/* Does anything of the table, or of its partitions, wait for the end? */
static bool
has_waiting(Connection *connection, const AppendTable *table, bool *waiting)
{
	char *oid = xasprintf("%u", table->oid);
	const char *params[1] = {oid};
	PGresult *result = connection_query(
		connection,
		"SELECT FROM pg_catalog.pg_constraint WHERE condeferrable"
		" AND (conrelid = $1::pg_catalog.oid OR conrelid IN (SELECT p.relid"
		"  FROM pg_catalog.pg_partition_tree($1::pg_catalog.oid::pg_catalog.regclass) p)) LIMIT 1",
		1, params);

	free(oid);
	*waiting = result != NULL && PQntuples(result) > 0;
	PQclear(result);
	return result != NULL;
}

bool
append_tables_check_waiting(const RestorePlan *plan, Connection *connection, AppendTables *tables)
{
	bool turns = false;
	uint32_t i;

	for (i = 0; i < tables->count; i++)
		turns = turns || tables->items[i].rights.as_owner;
	for (i = 0; turns && i < tables->count; i++)
	{
		AppendTable *table = &tables->items[i];
		bool waiting;

		if (table->rights.as_owner)
			continue;
		if (!has_waiting(connection, table, &waiting) ||
			(waiting && !append_tables_decide(plan, connection, table)))
			return false;
		if (table->rights.as_owner)
			return report_error(
				EXIT_FAILED,
				"Code of the live database did that in the transaction of this restore.",
				ROWS_AS_SESSION_HINT,
				"table %s would now run different code when its constraints are checked",
				table->target);
	}
	return true;
}

void
append_tables_free(AppendTables *tables)
{
	uint32_t i;

	for (i = 0; i < tables->count; i++)
	{
		free(tables->items[i].target);
		row_rights_free(&tables->items[i].rights);
	}
	free(tables->items);
	tables->items = NULL;
	tables->count = 0;
}

/* ---- order ---- */

/* Foreign keys among the tables, from other tables only. */
static PGresult *
read_references(Connection *connection, const AppendTables *tables)
{
	const char *params[1];
	PGresult *result;
	Buffer oids;
	uint32_t i;

	buffer_init(&oids);
	buffer_append_char(&oids, '{');
	for (i = 0; i < tables->count; i++)
		buffer_printf(&oids, "%s%u", i > 0 ? "," : "", tables->items[i].oid);
	buffer_append_char(&oids, '}');
	params[0] = oids.data;
	result = connection_query(
		connection,
		"SELECT k.conrelid, k.confrelid, k.condeferrable,"
		" pg_catalog.format('%I.%I', n.nspname, k.conname)"
		" FROM pg_catalog.pg_constraint k JOIN pg_catalog.pg_namespace n ON n.oid = k.connamespace"
		" WHERE k.contype = 'f' AND k.conrelid <> k.confrelid"
		" AND k.conrelid = ANY ($1::pg_catalog.oid[]) AND k.confrelid = ANY "
		"($1::pg_catalog.oid[])",
		1, params);
	buffer_free(&oids);
	return result;
}

static uint32_t
oid_of(const PGresult *result, int row, int column)
{
	return (uint32_t) strtoul(PQgetvalue(result, row, column), NULL, 10);
}

/* Can the key wait?  An owner's turn must leave nothing behind that fires later. */
static bool
can_wait(const PGresult *references, const AppendTables *tables, int row)
{
	uint32_t i;

	for (i = 0; i < tables->count; i++)
	{
		if (tables->items[i].oid == oid_of(references, row, 0) && tables->items[i].rights.as_owner)
			return false;
	}
	return PQgetvalue(references, row, 2)[0] == 't';
}

/* Does the table refer to one that is not placed yet? */
static bool
must_wait(const PGresult *references, const AppendTables *tables, uint32_t oid)
{
	uint32_t i;
	int r;

	for (r = 0; r < PQntuples(references); r++)
	{
		if (can_wait(references, tables, r) || oid_of(references, r, 0) != oid)
			continue;
		for (i = 0; i < tables->count; i++)
		{
			if (tables->items[i].oid == oid_of(references, r, 1) && !tables->items[i].placed)
				return true;
		}
	}
	return false;
}

static bool
report_cycle(const AppendTables *tables)
{
	Buffer names;
	bool owners = false;
	uint32_t i;

	buffer_init(&names);
	for (i = 0; i < tables->count; i++)
	{
		if (tables->items[i].placed)
			continue;
		buffer_printf(&names, "%s%s", names.length > 0 ? ", " : "", tables->items[i].target);
		owners = owners || tables->items[i].rights.as_owner;
	}
	buffer_append_char(&names, '.');
	report_error(EXIT_FAILED, names.data,
				 owners
					 ? "With --disable-triggers foreign keys are not checked; a superuser may do "
					   "that.  Or add the rows with your rights, --rows-as=session, for which "
					   "the keys must be deferrable."
					 : "With --disable-triggers foreign keys are not checked; a superuser may "
					   "do that.  Or make the foreign keys deferrable.",
				 "tables refer to each other by foreign keys, so none of them can be first");
	buffer_free(&names);
	return false;
}

/* In rounds: whatever waits for nobody goes next. */
static bool
place_tables(const PGresult *references, AppendTables *tables)
{
	AppendTable *ordered = xcalloc((size_t) tables->count + 1, sizeof(AppendTable));
	uint32_t placed = 0;
	bool moved = true;
	uint32_t i;

	while (moved && placed < tables->count)
	{
		uint32_t before = placed;

		for (i = 0; i < tables->count; i++)
		{
			if (tables->items[i].placed || must_wait(references, tables, tables->items[i].oid))
				continue;
			ordered[placed++] = tables->items[i];
			tables->items[i].placed = true;
		}
		moved = placed > before;
	}
	if (placed < tables->count)
	{
		free(ordered);
		return report_cycle(tables);
	}
	free(tables->items);
	tables->items = ordered;
	return true;
}

/* Nothing of our transaction waits yet, so this fires nothing. */
static bool
keep_from_waiting(Connection *connection, const AppendTables *tables)
{
	uint32_t i;

	for (i = 0; i < tables->count; i++)
	{
		if (tables->items[i].rights.as_owner)
			return connection_command(connection, "SET CONSTRAINTS ALL IMMEDIATE");
	}
	return true;
}

bool
append_tables_order(Connection *connection, AppendTables *tables)
{
	PGresult *references = read_references(connection, tables);
	bool good = references != NULL && place_tables(references, tables);
	int r;

	good = good && keep_from_waiting(connection, tables);
	for (r = 0; good && r < PQntuples(references); r++)
	{
		if (can_wait(references, tables, r))
			good = connection_commandf(connection, "SET CONSTRAINTS %s DEFERRED",
									   PQgetvalue(references, r, 3));
	}
	PQclear(references);
	return good;
}
