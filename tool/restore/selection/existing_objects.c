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
#include "part_of.h"

/* What is there under a name. */
typedef struct Existing
{
	char *key;   /* class, schema, name */
	char *owner; /* "" where the catalog has none */
	char *oid;
	char *place; /* schema of an extension, which is not in its name, or "" */
	char kind;   /* of a relation, function or type, as in its catalog; or '\0' */
} Existing;

struct ExistingObjects
{
	Existing *items; /* sorted by key */
	int count;
	PGresult *superusers;
};

/* How an entry is found among the keys. */
typedef struct KindOfKey
{
	const char *kind;  /* of the entry */
	const char *class; /* in the query below */
	bool by_drop;      /* by what stands in "DROP <kind> …;" instead of schema and tag */
	const char *now;   /* kinds that it can have in the catalog; NULL: no matter, "": of_type() */
} KindOfKey;

static const KindOfKey kinds_of_keys[] = {
	{"TABLE", "relation", false, "rp"},
	{"VIEW", "relation", false, "v"},
	{"MATERIALIZED VIEW", "relation", false, "m"},
	{"FOREIGN TABLE", "relation", false, "f"},
	{"SEQUENCE", "relation", false, "S"},
	{"INDEX", "relation", false, "iI"},
	{"STATISTICS", "statistics", false, NULL},
	{"TYPE", "type", false, ""},
	{"SHELL TYPE", "type", false, NULL},
	{"DOMAIN", "type", false, "d"},
	{"FUNCTION", "function", true, "fw"},
	{"PROCEDURE", "function", true, "p"},
	{"AGGREGATE", "function", true, "a"},
	{"SCHEMA", "schema", false, NULL},
	{"EXTENSION", "extension", false, NULL},
	{"PROCEDURAL LANGUAGE", "language", false, NULL},
	{"COLLATION", "collation", false, NULL},
	{"CONVERSION", "conversion", false, NULL},
	{"OPERATOR", "operator", true, NULL},
	{"OPERATOR CLASS", "opclass", true, NULL},
	{"OPERATOR FAMILY", "opfamily", true, NULL},
	{"ACCESS METHOD", "am", false, NULL},
	{"CAST", "cast", false, NULL},
	{"TEXT SEARCH CONFIGURATION", "ts_config", false, NULL},
	{"TEXT SEARCH DICTIONARY", "ts_dict", false, NULL},
	{"TEXT SEARCH PARSER", "ts_parser", false, NULL},
	{"TEXT SEARCH TEMPLATE", "ts_template", false, NULL},
	{"FOREIGN DATA WRAPPER", "fdw", false, NULL},
	{"SERVER", "server", false, NULL},
	{"EVENT TRIGGER", "event_trigger", false, NULL},
	{"PUBLICATION", "publication", false, NULL},
};

/* Catalogs whose names, with or without a schema, say it all. */
typedef struct NamedCatalog
{
	const char *class;
	const char *catalog;
	const char *prefix; /* of its columns */
	bool has_schema;
	bool has_owner;
} NamedCatalog;

static const NamedCatalog named_catalogs[] = {
	{"type", "pg_type", "typ", true, true},
	{"statistics", "pg_statistic_ext", "stx", true, true},
	{"collation", "pg_collation", "coll", true, true},
	{"conversion", "pg_conversion", "con", true, true},
	{"ts_config", "pg_ts_config", "cfg", true, true},
	{"ts_dict", "pg_ts_dict", "dict", true, true},
	{"ts_parser", "pg_ts_parser", "prs", true, false},
	{"ts_template", "pg_ts_template", "tmpl", true, false},
	{"schema", "pg_namespace", "nsp", false, true},
	{"extension", "pg_extension", "ext", false, true},
	{"language", "pg_language", "lan", false, true},
	{"am", "pg_am", "am", false, false},
	{"fdw", "pg_foreign_data_wrapper", "fdw", false, true},
	{"server", "pg_foreign_server", "srv", false, true},
	{"event_trigger", "pg_event_trigger", "evt", false, true},
	{"publication", "pg_publication", "pub", false, true},
};

/* An operator without a function is a shell, which CREATE OPERATOR fills. */
static const char peculiar_query[] =
	"SELECT 'relation', n.nspname, o.relname::pg_catalog.text,"
	"  pg_catalog.pg_get_userbyid(o.relowner), o.relkind::pg_catalog.text, o.oid, ''"
	"  FROM pg_catalog.pg_class o"
	"  JOIN pg_catalog.pg_namespace n ON n.oid = o.relnamespace WHERE o.relkind <> 't'"
	" UNION ALL SELECT 'function', '', pg_catalog.format('%I.%I(%s)', n.nspname, o.proname,"
	"  pg_catalog.pg_get_function_identity_arguments(o.oid)),"
	"  pg_catalog.pg_get_userbyid(o.proowner), o.prokind::pg_catalog.text, o.oid, ''"
	"  FROM pg_catalog.pg_proc o JOIN pg_catalog.pg_namespace n ON n.oid = o.pronamespace"
	"  WHERE o.oid >= 16384"
	" UNION ALL SELECT 'operator', '', pg_catalog.format('%I.%s (%s, %s)', n.nspname, o.oprname,"
	"  CASE o.oprleft WHEN 0 THEN 'NONE' ELSE pg_catalog.format_type(o.oprleft, NULL) END,"
	"  CASE o.oprright WHEN 0 THEN 'NONE' ELSE pg_catalog.format_type(o.oprright, NULL) END),"
	"  pg_catalog.pg_get_userbyid(o.oprowner), '', o.oid, ''"
	"  FROM pg_catalog.pg_operator o JOIN pg_catalog.pg_namespace n ON n.oid = o.oprnamespace"
	"  WHERE o.oid >= 16384 AND o.oprcode::pg_catalog.oid <> 0"
	" UNION ALL SELECT 'opclass', '', pg_catalog.format('%I.%I USING %I', n.nspname, o.opcname,"
	"  m.amname), pg_catalog.pg_get_userbyid(o.opcowner), '', o.oid, ''"
	"  FROM pg_catalog.pg_opclass o JOIN pg_catalog.pg_am m ON m.oid = o.opcmethod"
	"  JOIN pg_catalog.pg_namespace n ON n.oid = o.opcnamespace WHERE o.oid >= 16384"
	" UNION ALL SELECT 'opfamily', '', pg_catalog.format('%I.%I USING %I', n.nspname, o.opfname,"
	"  m.amname), pg_catalog.pg_get_userbyid(o.opfowner), '', o.oid, ''"
	"  FROM pg_catalog.pg_opfamily o JOIN pg_catalog.pg_am m ON m.oid = o.opfmethod"
	"  JOIN pg_catalog.pg_namespace n ON n.oid = o.opfnamespace WHERE o.oid >= 16384"
	" UNION ALL SELECT 'cast', '', pg_catalog.format('CAST (%s AS %s)',"
	"  pg_catalog.format_type(castsource, NULL), pg_catalog.format_type(casttarget, NULL)), '', '',"
	"  oid, '' FROM pg_catalog.pg_cast WHERE oid >= 16384";

/*
 * Parts of tables and domains, named '"<table>" <own name>': the tags of the
 * archive do not say where one ends and the other begins.
 */
static const char parts_query[] =
	" UNION ALL SELECT part.class, n.nspname, pg_catalog.format('\"%s\" %s',"
	"  pg_catalog.replace(part.whole, '\"', '\"\"'), part.name), '', '', part.oid, ''"
	" FROM (SELECT 'constraint', COALESCE(c.relnamespace, t.typnamespace),"
	"  COALESCE(c.relname, t.typname), o.conname, o.oid"
	"  FROM pg_catalog.pg_constraint o LEFT JOIN pg_catalog.pg_class c ON c.oid = o.conrelid"
	"  LEFT JOIN pg_catalog.pg_type t ON t.oid = o.contypid WHERE o.oid >= 16384"
	" UNION ALL SELECT 'trigger', c.relnamespace, c.relname, o.tgname, o.oid"
	"  FROM pg_catalog.pg_trigger o JOIN pg_catalog.pg_class c ON c.oid = o.tgrelid"
	"  WHERE NOT o.tgisinternal"
	" UNION ALL SELECT 'rule', c.relnamespace, c.relname, o.rulename, o.oid"
	"  FROM pg_catalog.pg_rewrite o JOIN pg_catalog.pg_class c ON c.oid = o.ev_class"
	"  WHERE o.oid >= 16384"
	" UNION ALL SELECT 'policy', c.relnamespace, c.relname, o.polname, o.oid"
	"  FROM pg_catalog.pg_policy o JOIN pg_catalog.pg_class c ON c.oid = o.polrelid"
	" UNION ALL SELECT 'default', c.relnamespace, c.relname, a.attname, o.oid"
	"  FROM pg_catalog.pg_attrdef o JOIN pg_catalog.pg_class c ON c.oid = o.adrelid"
	"  JOIN pg_catalog.pg_attribute a ON a.attrelid = o.adrelid AND a.attnum = o.adnum)"
	" AS part (class, namespace, whole, name, oid)"
	" JOIN pg_catalog.pg_namespace n ON n.oid = part.namespace";

/* Roles whose rights the session has. */
static const char roles_query[] =
	" UNION ALL SELECT 'role', '', r.rolname::pg_catalog.text, '', '', r.oid, ''"
	" FROM pg_catalog.pg_roles r WHERE pg_catalog.pg_has_role(r.oid, 'USAGE')"
	" UNION ALL SELECT 'superuser', '', '', '', '', r.oid, ''"
	" FROM pg_catalog.pg_roles r WHERE r.rolname = current_user AND r.rolsuper";

static const char *const kinds_of_parts[][2] = {{"CONSTRAINT", "constraint"},
												{"CHECK CONSTRAINT", "constraint"},
												{"FK CONSTRAINT", "constraint"},
												{"TRIGGER", "trigger"},
												{"RULE", "rule"},
												{"POLICY", "policy"},
												{"DEFAULT", "default"}};

/* The query for all names. */
static char *
names_query(void)
{
	Buffer sql;
	size_t i;

	buffer_init(&sql);
	buffer_append_string(&sql, peculiar_query);
	buffer_append_string(&sql, parts_query);
	buffer_append_string(&sql, roles_query);
	for (i = 0; i < sizeof(named_catalogs) / sizeof(named_catalogs[0]); i++)
	{
		const NamedCatalog *named = &named_catalogs[i];

		buffer_printf(&sql, " UNION ALL SELECT '%s', %s, o.%sname::pg_catalog.text", named->class,
					  named->has_schema ? "n.nspname" : "''", named->prefix);
		if (named->has_owner)
			buffer_printf(&sql, ", pg_catalog.pg_get_userbyid(o.%sowner), %s", named->prefix,
						  strcmp(named->class, "type") == 0 ? "o.typtype::pg_catalog.text" : "''");
		else
			buffer_append_string(&sql, ", '', ''");
		buffer_append_string(&sql, ", o.oid");
		if (strcmp(named->class, "extension") == 0)
			buffer_append_string(&sql, ", (SELECT n.nspname FROM pg_catalog.pg_namespace n"
									   " WHERE n.oid = o.extnamespace)");
		else
			buffer_append_string(&sql, ", ''");
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
	return strcmp(((const Existing *) a)->key, ((const Existing *) b)->key);
}

ExistingObjects *
existing_objects_read(Connection *connection)
{
	PGresult *superusers = connection_query(
		connection, "SELECT rolname FROM pg_catalog.pg_roles WHERE rolsuper", 0, NULL);
	ExistingObjects *existing;
	PGresult *result = NULL;
	int i;

	if (superusers != NULL)
	{
		char *sql = names_query();

		result = connection_query(connection, sql, 0, NULL);
		free(sql);
	}
	if (result == NULL)
	{
		PQclear(superusers);
		return NULL;
	}
	existing = xcalloc(1, sizeof(*existing));
	existing->superusers = superusers;
	existing->count = PQntuples(result);
	existing->items = xcalloc((size_t) existing->count + 1, sizeof(Existing));
	for (i = 0; i < existing->count; i++)
	{
		existing->items[i].key =
			make_key(PQgetvalue(result, i, 0), PQgetvalue(result, i, 1), PQgetvalue(result, i, 2));
		existing->items[i].owner = xstrdup(PQgetvalue(result, i, 3));
		existing->items[i].kind = PQgetvalue(result, i, 4)[0];
		existing->items[i].oid = xstrdup(PQgetvalue(result, i, 5));
		existing->items[i].place = xstrdup(PQgetvalue(result, i, 6));
	}
	PQclear(result);
	qsort(existing->items, (size_t) existing->count, sizeof(Existing), compare_keys);
	return existing;
}

void
existing_objects_free(ExistingObjects *existing)
{
	int i;

	if (existing == NULL)
		return;
	for (i = 0; i < existing->count; i++)
	{
		free(existing->items[i].key);
		free(existing->items[i].owner);
		free(existing->items[i].oid);
		free(existing->items[i].place);
	}
	PQclear(existing->superusers);
	free(existing->items);
	free(existing);
}

bool
existing_objects_is_superuser(const ExistingObjects *existing, const char *role)
{
	return result_has(existing->superusers, role);
}

static const Existing *
find_key(const ExistingObjects *existing, char *key)
{
	Existing wanted = {key, NULL, NULL, NULL, '\0'};
	const Existing *found =
		bsearch(&wanted, existing->items, (size_t) existing->count, sizeof(Existing), compare_keys);

	free(key);
	return found;
}

bool
existing_objects_has_relation(const ExistingObjects *existing, const char *schema, const char *name)
{
	return existing_objects_relation(existing, schema, name) != NULL;
}

const char *
existing_objects_relation(const ExistingObjects *existing, const char *schema, const char *name)
{
	const Existing *found = find_key(existing, make_key("relation", schema, name));

	return found != NULL ? found->oid : NULL;
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

/* What has the name of the entry, and how entries of its kind are found; NULL: nothing. */
static const Existing *
find_entry(const ExistingObjects *existing, const TocEntry *entry, const KindOfKey **kind)
{
	size_t i;

	for (i = 0; i < sizeof(kinds_of_keys) / sizeof(kinds_of_keys[0]); i++)
	{
		char *identity;
		const Existing *found;

		*kind = &kinds_of_keys[i];
		if (strcmp((*kind)->kind, entry->kind) != 0)
			continue;
		if (!(*kind)->by_drop)
			return find_key(existing, make_key((*kind)->class, entry->schema, entry->tag));
		identity = identity_of(entry);
		found =
			identity != NULL ? find_key(existing, make_key((*kind)->class, "", identity)) : NULL;
		free(identity);
		return found;
	}
	return NULL;
}

bool
existing_objects_has(const ExistingObjects *existing, const TocEntry *entry)
{
	const KindOfKey *kind;

	return find_entry(existing, entry, &kind) != NULL;
}

bool
existing_objects_has_as(const ExistingObjects *existing, const TocEntry *entry, const char *schema,
						const char *name)
{
	const char *class = toc_entry_is(entry, "STATISTICS") ? "statistics" : "relation";

	return find_key(existing, make_key(class, schema, name)) != NULL;
}

/* As the query for parts has it. */
static char *
key_of_part(const char *class, const PartOf *part)
{
	Buffer name;
	const char *letter;
	char *key;

	buffer_init(&name);
	buffer_append_char(&name, '"');
	for (letter = part->whole; *letter != '\0'; letter++)
	{
		if (*letter == '"')
			buffer_append_char(&name, '"');
		buffer_append_char(&name, *letter);
	}
	buffer_printf(&name, "\" %s", part->name);
	key = make_key(class, part->schema, name.data);
	buffer_free(&name);
	return key;
}

bool
existing_objects_has_part(const ExistingObjects *existing, const TocEntry *entry)
{
	bool has = false;
	PartOf part;
	size_t i;

	if (!part_of_read(entry, entry->definition, &part))
		return false;
	for (i = 0; part.name != NULL && i < sizeof(kinds_of_parts) / sizeof(kinds_of_parts[0]); i++)
	{
		if (toc_entry_is(entry, kinds_of_parts[i][0]))
			has = find_key(existing, key_of_part(kinds_of_parts[i][1], &part)) != NULL;
	}
	part_of_free(&part);
	return has;
}

bool
existing_objects_may_act_as(const ExistingObjects *existing, const char *role)
{
	char *key = role != NULL ? make_key("role", "", role) : make_key("superuser", "", "");

	return find_key(existing, key) != NULL;
}

/* The kind of a type that an entry makes; an enum has no code, and a range or domain has. */
static const char *
of_type(const TocEntry *entry)
{
	static const char *const kinds[][2] = {
		{" AS ENUM (", "e"}, {" AS RANGE (", "r"}, {" AS (", "c"}};
	const char *end = toc_entry_after_name(entry, "CREATE TYPE ");
	size_t i;

	for (i = 0; end != NULL && i < sizeof(kinds) / sizeof(kinds[0]); i++)
	{
		if (strncmp(end, kinds[i][0], strlen(kinds[i][0])) == 0)
			return kinds[i][1];
	}
	return "b";
}

/* What an object of another kind is. */
static const char *
name_of_kind(const char *class, char kind)
{
	static const char *const relations[] = {
		"rtable", "ptable", "vview", "mmaterialized view", "fforeign table", "Ssequence", "iindex",
		"Iindex", "ctype",  NULL};
	static const char *const types[] = {
		"bbase type",  "ccomposite type", "ddomain",          "eenum",
		"pshell type", "rrange type",     "mmultirange type", NULL};
	const char *const *names = strcmp(class, "type") == 0 ? types : relations;
	int i;

	if (strcmp(class, "function") == 0)
		return "function of another kind";
	for (i = 0; names[i] != NULL; i++)
	{
		if (names[i][0] == kind)
			return names[i] + 1;
	}
	return "thing of another kind";
}

bool
existing_objects_find(const ExistingObjects *existing, const TocEntry *entry, FoundObject *object)
{
	const KindOfKey *kind;
	const Existing *found = find_entry(existing, entry, &kind);
	const char *kinds = NULL;

	object->owner = found != NULL ? found->owner : "";
	object->oid = found != NULL ? found->oid : "";
	object->schema = found != NULL ? found->place : "";
	object->other_kind = NULL;
	if (found != NULL && kind->now != NULL)
		kinds = kind->now[0] == '\0' ? of_type(entry) : kind->now;
	if (kinds != NULL && strchr(kinds, found->kind) == NULL)
		object->other_kind = name_of_kind(kind->class, found->kind);
	return found != NULL;
}

/* Classes of what has a name of several parts. */
static const char *const peculiar[][2] = {{"relation", "pg_class"},    {"function", "pg_proc"},
										  {"operator", "pg_operator"}, {"opclass", "pg_opclass"},
										  {"opfamily", "pg_opfamily"}, {"cast", "pg_cast"}};

#define PECULIAR (int) (sizeof(peculiar) / sizeof(peculiar[0]))
#define NAMED (int) (sizeof(named_catalogs) / sizeof(named_catalogs[0]))

const char *
existing_objects_catalog(int number)
{
	if (number < PECULIAR)
		return peculiar[number][1];
	return number < PECULIAR + NAMED ? named_catalogs[number - PECULIAR].catalog : NULL;
}

bool
existing_objects_is_in(const TocEntry *entry, int number)
{
	const char *class =
		number < PECULIAR ? peculiar[number][0] : named_catalogs[number - PECULIAR].class;
	size_t i;

	for (i = 0; i < sizeof(kinds_of_keys) / sizeof(kinds_of_keys[0]); i++)
	{
		if (strcmp(kinds_of_keys[i].kind, entry->kind) == 0)
			return strcmp(kinds_of_keys[i].class, class) == 0;
	}
	return false;
}

const char *
existing_objects_catalog_of(const TocEntry *entry)
{
	int number;

	for (number = 0; existing_objects_catalog(number) != NULL; number++)
	{
		if (existing_objects_is_in(entry, number))
			return existing_objects_catalog(number);
	}
	return NULL;
}
