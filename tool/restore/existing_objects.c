/*-------------------------------------------------------------------------
 *
 * existing_objects.c
 *	  What is in the database that a part of a backup is restored into.
 *
 * One query reads all names, because a question per object would cost a
 * round trip for each of thousands of entries.  Functions and operators are
 * known by the text that also stands in the archive's DROP statement, which
 * holds their argument types as the server spells them under an empty
 * search_path.
 *
 *-------------------------------------------------------------------------
 */
#include "existing_objects.h"

#include <stdlib.h>
#include <string.h>

#include "memory.h"

struct ExistingObjects
{
	char **keys; /* sorted */
	int count;
};

/* How an entry is found among the keys. */
typedef struct KindOfKey
{
	const char *kind;  /* of the entry */
	const char *class; /* in the query below */
	bool by_drop;      /* by what stands in "DROP <kind> …;" instead of schema and tag */
} KindOfKey;

static const KindOfKey kinds_of_keys[] = {
	{"TABLE", "relation", false},
	{"VIEW", "relation", false},
	{"MATERIALIZED VIEW", "relation", false},
	{"FOREIGN TABLE", "relation", false},
	{"SEQUENCE", "relation", false},
	{"INDEX", "relation", false},
	{"STATISTICS", "statistics", false},
	{"TYPE", "type", false},
	{"SHELL TYPE", "type", false},
	{"DOMAIN", "type", false},
	{"FUNCTION", "function", true},
	{"PROCEDURE", "function", true},
	{"AGGREGATE", "function", true},
	{"SCHEMA", "schema", false},
	{"EXTENSION", "extension", false},
	{"PROCEDURAL LANGUAGE", "language", false},
	{"COLLATION", "collation", false},
	{"CONVERSION", "conversion", false},
	{"OPERATOR", "operator", true},
	{"OPERATOR CLASS", "opclass", true},
	{"OPERATOR FAMILY", "opfamily", true},
	{"ACCESS METHOD", "am", false},
	{"CAST", "cast", false},
	{"TEXT SEARCH CONFIGURATION", "ts_config", false},
	{"TEXT SEARCH DICTIONARY", "ts_dict", false},
	{"TEXT SEARCH PARSER", "ts_parser", false},
	{"TEXT SEARCH TEMPLATE", "ts_template", false},
	{"FOREIGN DATA WRAPPER", "fdw", false},
	{"SERVER", "server", false},
	{"EVENT TRIGGER", "event_trigger", false},
	{"PUBLICATION", "publication", false},
};

/* Catalogues whose names, with or without a schema, say it all. */
typedef struct NamedCatalog
{
	const char *class;
	const char *catalog;
	const char *prefix; /* of its columns */
	bool has_schema;
} NamedCatalog;

static const NamedCatalog named_catalogs[] = {
	{"type", "pg_type", "typ", true},
	{"statistics", "pg_statistic_ext", "stx", true},
	{"collation", "pg_collation", "coll", true},
	{"conversion", "pg_conversion", "con", true},
	{"ts_config", "pg_ts_config", "cfg", true},
	{"ts_dict", "pg_ts_dict", "dict", true},
	{"ts_parser", "pg_ts_parser", "prs", true},
	{"ts_template", "pg_ts_template", "tmpl", true},
	{"schema", "pg_namespace", "nsp", false},
	{"extension", "pg_extension", "ext", false},
	{"language", "pg_language", "lan", false},
	{"am", "pg_am", "am", false},
	{"fdw", "pg_foreign_data_wrapper", "fdw", false},
	{"server", "pg_foreign_server", "srv", false},
	{"event_trigger", "pg_event_trigger", "evt", false},
	{"publication", "pg_publication", "pub", false},
};

static const char peculiar_query[] =
	"SELECT 'relation', n.nspname, o.relname::pg_catalog.text FROM pg_catalog.pg_class o"
	" JOIN pg_catalog.pg_namespace n ON n.oid = o.relnamespace WHERE o.relkind <> 't'"
	" UNION ALL SELECT 'function', '', pg_catalog.format('%I.%I(%s)', n.nspname, o.proname,"
	"  pg_catalog.pg_get_function_identity_arguments(o.oid))"
	"  FROM pg_catalog.pg_proc o JOIN pg_catalog.pg_namespace n ON n.oid = o.pronamespace"
	"  WHERE o.oid >= 16384"
	" UNION ALL SELECT 'operator', '', pg_catalog.format('%I.%s (%s, %s)', n.nspname, o.oprname,"
	"  CASE o.oprleft WHEN 0 THEN 'NONE' ELSE pg_catalog.format_type(o.oprleft, NULL) END,"
	"  CASE o.oprright WHEN 0 THEN 'NONE' ELSE pg_catalog.format_type(o.oprright, NULL) END)"
	"  FROM pg_catalog.pg_operator o JOIN pg_catalog.pg_namespace n ON n.oid = o.oprnamespace"
	"  WHERE o.oid >= 16384"
	" UNION ALL SELECT 'opclass', '', pg_catalog.format('%I.%I USING %I', n.nspname, o.opcname,"
	"  m.amname) FROM pg_catalog.pg_opclass o JOIN pg_catalog.pg_am m ON m.oid = o.opcmethod"
	"  JOIN pg_catalog.pg_namespace n ON n.oid = o.opcnamespace WHERE o.oid >= 16384"
	" UNION ALL SELECT 'opfamily', '', pg_catalog.format('%I.%I USING %I', n.nspname, o.opfname,"
	"  m.amname) FROM pg_catalog.pg_opfamily o JOIN pg_catalog.pg_am m ON m.oid = o.opfmethod"
	"  JOIN pg_catalog.pg_namespace n ON n.oid = o.opfnamespace WHERE o.oid >= 16384"
	" UNION ALL SELECT 'cast', '', pg_catalog.format('CAST (%s AS %s)',"
	"  pg_catalog.format_type(castsource, NULL), pg_catalog.format_type(casttarget, NULL))"
	"  FROM pg_catalog.pg_cast WHERE oid >= 16384";

/* The query for all names. */
static char *
names_query(void)
{
	Buffer sql;
	size_t i;

	buffer_init(&sql);
	buffer_append_string(&sql, peculiar_query);
	for (i = 0; i < sizeof(named_catalogs) / sizeof(named_catalogs[0]); i++)
	{
		const NamedCatalog *named = &named_catalogs[i];

		buffer_printf(&sql, " UNION ALL SELECT '%s', %s, o.%sname::pg_catalog.text", named->class,
					  named->has_schema ? "n.nspname" : "''", named->prefix);
		buffer_printf(&sql, " FROM pg_catalog.%s o", named->catalog);
		if (named->has_schema)
			buffer_printf(&sql, " JOIN pg_catalog.pg_namespace n ON n.oid = o.%snamespace",
						  named->prefix);
	}
	return buffer_detach(&sql);
}

static char *
make_key(const char *class, const char *schema, const char *name)
{
	return xasprintf("%s\n%s\n%s", class, schema, name);
}

static int
compare_keys(const void *a, const void *b)
{
	return strcmp(*(const char *const *) a, *(const char *const *) b);
}

ExistingObjects *
existing_objects_read(Connection *connection)
{
	char *sql = names_query();
	PGresult *result = connection_query(connection, sql, 0, NULL);
	ExistingObjects *existing;
	int i;

	free(sql);
	if (result == NULL)
		return NULL;
	existing = xcalloc(1, sizeof(*existing));
	existing->count = PQntuples(result);
	existing->keys = xcalloc((size_t) existing->count + 1, sizeof(char *));
	for (i = 0; i < existing->count; i++)
		existing->keys[i] =
			make_key(PQgetvalue(result, i, 0), PQgetvalue(result, i, 1), PQgetvalue(result, i, 2));
	PQclear(result);
	qsort(existing->keys, (size_t) existing->count, sizeof(char *), compare_keys);
	return existing;
}

void
existing_objects_free(ExistingObjects *existing)
{
	int i;

	if (existing == NULL)
		return;
	for (i = 0; i < existing->count; i++)
		free(existing->keys[i]);
	free(existing->keys);
	free(existing);
}

static bool
has_key(const ExistingObjects *existing, char *key)
{
	bool found = bsearch(&key, existing->keys, (size_t) existing->count, sizeof(char *),
						 compare_keys) != NULL;

	free(key);
	return found;
}

bool
existing_objects_has_relation(const ExistingObjects *existing, const char *schema, const char *name)
{
	return has_key(existing, make_key("relation", schema, name));
}

/* "DROP FUNCTION s.f(integer);\n" gives "s.f(integer)"; NULL if it is not like that. */
static char *
identity_of(const TocEntry *entry)
{
	char *prefix = xasprintf("DROP %s ", entry->kind);
	size_t length = strlen(prefix);
	const char *end = strrchr(entry->drop, ';');
	char *identity = NULL;

	if (strncmp(entry->drop, prefix, length) == 0 && end != NULL)
		identity =
			xasprintf("%.*s", (int) (end - entry->drop - (long) length), entry->drop + length);
	free(prefix);
	return identity;
}

bool
existing_objects_has(const ExistingObjects *existing, const TocEntry *entry)
{
	size_t i;

	for (i = 0; i < sizeof(kinds_of_keys) / sizeof(kinds_of_keys[0]); i++)
	{
		const KindOfKey *kind = &kinds_of_keys[i];
		char *identity;
		bool found;

		if (strcmp(kind->kind, entry->kind) != 0)
			continue;
		if (!kind->by_drop)
			return has_key(existing, make_key(kind->class, entry->schema, entry->tag));
		identity = identity_of(entry);
		found = identity != NULL && has_key(existing, make_key(kind->class, "", identity));
		free(identity);
		return found;
	}
	return false;
}
