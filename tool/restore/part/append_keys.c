/*-------------------------------------------------------------------------
 *
 * append_keys.c
 *	  --on-conflict=skip needs something that tells rows apart.
 *
 * INSERT ... ON CONFLICT DO NOTHING skips a row only if a unique index or an
 * exclusion constraint keeps it out.  A table that has rows and no such key
 * takes rows once more that are there, which is refused before anything is
 * done, unless it was said that it is meant.  Where a key may be NULL, this is
 * so for the rows in which it is; there it is a warning.
 *
 *-------------------------------------------------------------------------
 */
#include "append_tables.h"

#include <stdlib.h>

#include "log.h"
#include "memory.h"
#include "restore_settings.h"
#include "settings.h"

/*
 * Tables without a key for each of their rows: name, whether there is one for
 * some, and whether there is one on an expression, or with a condition, which
 * may keep rows out, but does not tell them apart for us.  No row is read, as that would run code
 * of the owner.  A partitioned table's keys are those of its partitions, and what a foreign table
 * has is not known here.  Before version 15 all NULLs are distinct.
 */
#define USABLE_KEY                                                                                 \
	"EXISTS (SELECT FROM pg_catalog.pg_index i WHERE i.indrelid = c.oid"                           \
	" AND (i.indisunique OR i.indisexclusion) AND i.indisready"                                    \
	" AND i.indexprs IS NULL AND i.indpred IS NULL"
static const char no_key_query[] =
	"SELECT pg_catalog.format('%I.%I', n.nspname, c.relname), " USABLE_KEY "),"
	" EXISTS (SELECT FROM pg_catalog.pg_index i WHERE i.indrelid = c.oid"
	"  AND (i.indisunique OR i.indisexclusion) AND i.indisready)"
	" FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
	" WHERE (c.oid = $1::pg_catalog.oid OR c.oid IN (SELECT p.relid FROM"
	"  pg_catalog.pg_partition_tree($1::pg_catalog.oid::pg_catalog.regclass) p))"
	" AND c.relkind = 'r' AND pg_catalog.pg_relation_size(c.oid) > 0"
	" AND NOT " USABLE_KEY
	"  AND ((pg_catalog.to_jsonb(i) OPERATOR(pg_catalog.->>) 'indnullsnotdistinct') = 'true'"
	"   OR NOT EXISTS (SELECT FROM pg_catalog.pg_attribute a"
	"    WHERE a.attrelid = c.oid AND NOT a.attnotnull"
	"    AND a.attnum = ANY ((i.indkey::pg_catalog.int2[])[0:i.indnkeyatts - 1]))))"
	" ORDER BY 1";

/* Tables with a key that waits: the server refuses to skip a row of theirs, whatever is in it. */
static const char late_key_query[] =
	"SELECT pg_catalog.format('%I.%I', n.nspname, c.relname)"
	" FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
	" WHERE (c.oid = $1::pg_catalog.oid OR c.oid IN (SELECT p.relid FROM"
	"  pg_catalog.pg_partition_tree($1::pg_catalog.oid::pg_catalog.regclass) p))"
	" AND c.relkind = 'r' AND EXISTS (SELECT FROM pg_catalog.pg_index i"
	"  WHERE i.indrelid = c.oid AND NOT i.indimmediate AND i.indisready) ORDER BY 1";

/* Names for a message, 20 at most. */
typedef struct Names
{
	Buffer text;
	uint32_t count;
} Names;

static void
add_name(Names *names, const char *name)
{
	if (++names->count <= 20)
		buffer_printf(&names->text, "%s%s", names->count > 1 ? ", " : "", name);
	else if (names->count == 21)
		buffer_append_string(&names->text, " and more");
}

/* Add the names of tables that have such a key; false (reported) on failure. */
static bool
look_for_late_keys(Connection *connection, uint32_t table, Names *late)
{
	char *oid = xasprintf("%u", table);
	const char *params[1] = {oid};
	PGresult *result = connection_query(connection, late_key_query, 1, params);
	int row;

	for (row = 0; result != NULL && row < PQntuples(result); row++)
		add_name(late, PQgetvalue(result, row, 0));
	free(oid);
	PQclear(result);
	return result != NULL;
}

static bool
refuse_late_keys(Names *late)
{
	if (late->count == 0)
		return true;
	buffer_append_char(&late->text, '.');
	return report_error(EXIT_FAILED, late->text.data,
						"Restore the table under another name (--as), and copy the rows that are "
						"missing; or leave it out with --exclude-table.",
						"--on-conflict=skip cannot skip rows where a unique key is deferrable: %u "
						"%s one",
						late->count, late->count == 1 ? "table has" : "tables have");
}

/* Tables that have no usable key, one for some rows, or one that says too little. */
typedef struct Keyless
{
	Names none;
	Names some;
	Names odd;
} Keyless;

/* Look at one table; false (reported) on failure. */
static bool
look_at(Connection *connection, uint32_t table, Keyless *keyless)
{
	char *oid = xasprintf("%u", table);
	const char *params[1] = {oid};
	PGresult *result = connection_query(connection, no_key_query, 1, params);
	int row;

	for (row = 0; result != NULL && row < PQntuples(result); row++)
	{
		bool some = PQgetvalue(result, row, 1)[0] == 't';
		bool any = PQgetvalue(result, row, 2)[0] == 't';

		add_name(some  ? &keyless->some
				 : any ? &keyless->odd
					   : &keyless->none,
				 PQgetvalue(result, row, 0));
	}
	free(oid);
	PQclear(result);
	return result != NULL;
}

static bool
refuse(Names *names, const char *has, const char *have, const char *hint)
{
	buffer_append_char(&names->text, '.');
	return report_error(EXIT_FAILED, names->text.data, hint,
						"--on-conflict=skip cannot tell which rows are there already: %u %s",
						names->count, names->count == 1 ? has : have);
}

#define NO_KEY_HINT                                                                                \
	"Leave the table out with --exclude-table, or TRUNCATE it if none of its rows is to stay; a "  \
	"table whose rows were deleted counts until it is vacuumed.  "

/* Refuse, or warn. */
static bool
judge(const Settings *settings, Keyless *keyless)
{
	Names *none = &keyless->none;
	Names *odd = &keyless->odd;
	bool good = true;

	if (keyless->some.count > 0)
		log_warning("rows with NULL in their key, if there are any, are added though they may be "
					"there already: table %s",
					keyless->some.text.data);
	if (none->count > 0 && settings->restore->yes)
		log_warning("all rows are added though they may be there already, as there is no unique "
					"key: table %s",
					none->text.data);
	if (odd->count > 0 && settings->restore->yes)
		log_warning("rows that no unique index keeps out are added though they may be there "
					"already, as the index is on an expression or has a condition: table %s",
					odd->text.data);
	if (none->count > 0 && !settings->restore->yes)
		good = refuse(none, "table has no unique key", "tables have no unique key",
					  NO_KEY_HINT "With --yes all rows of the backup are added to it.");
	if (odd->count > 0 && !settings->restore->yes)
		good = refuse(odd, "table has a unique index on an expression or with a condition only",
					  "tables have a unique index on an expression or with a condition only",
					  NO_KEY_HINT
					  "With --yes the rows of the backup are added that the index lets in.");
	return good;
}

bool
append_keys_check(const RestorePlan *plan, Connection *connection, const AppendTables *tables)
{
	Keyless keyless = {.none.count = 0};
	Names late = {.count = 0};
	bool good = true;
	uint32_t i;

	buffer_init(&keyless.none.text);
	buffer_init(&keyless.some.text);
	buffer_init(&keyless.odd.text);
	buffer_init(&late.text);
	for (i = 0; good && i < tables->count; i++)
	{
		/* Partitions that go into one table follow each other, as a rule. */
		if (i == 0 || tables->items[i].oid != tables->items[i - 1].oid)
			good = look_at(connection, tables->items[i].oid, &keyless) &&
				   look_for_late_keys(connection, tables->items[i].oid, &late);
	}
	good = good && refuse_late_keys(&late) && judge(plan->settings, &keyless);
	buffer_free(&keyless.none.text);
	buffer_free(&keyless.some.text);
	buffer_free(&keyless.odd.text);
	buffer_free(&late.text);
	return good;
}
