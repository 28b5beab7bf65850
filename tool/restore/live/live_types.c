/*-------------------------------------------------------------------------
 *
 * live_types.c
 *	  Values in definitions of a backup that the live database's types read.
 *
 * The server calls the input of a type as soon as it reads a definition, with
 * the rights of the session: for '{1}'::s.positive[], for the bounds of a
 * partition, for the initial condition of an aggregate.  Where the values are
 * is known from how pg_dump writes them: a constant of a type of users always
 * has the name of its type behind it, with the schema.  What they call is
 * asked of the live database: the type may be of another kind than in the
 * backup, and what it is made of (elements, columns, subtypes) may be, too.
 *
 * A domain that comes with the part counts by its text (restored_domains.c); what
 * such types call of PostgreSQL's own functions is asked for when they are there,
 * directly before the value is read.
 *
 * A literal of a domain is read as one of its base type, and checked only when
 * it is computed.  Where that is done as a superuser or as the session, in a
 * materialized view or an index, it counts as if it were done at once.
 *
 * An enum has no code.  All other types that do not belong to a superuser or
 * to the role of the session count as code of others.  So does an enum where its
 * value is computed as soon as the definition is there: it is cast by whatever
 * cast its owner has made by then.
 *
 *-------------------------------------------------------------------------
 */
#include "live_types.h"

#include <stdlib.h>
#include <string.h>

#include "chosen.h"
#include "code_owners.h"
#include "given_code.h"
#include "inline_parts.h"
#include "live_extensions.h"
#include "live_refusal.h"
#include "live_rests.h"
#include "memory.h"
#include "owner_settings.h"
#include "restored_domains.h"
#include "settings.h"
#include "sql_name.h"
#include "sql_text.h"
#include "type_casts.h"

/*
 * Behind that: is one of them of others, and not an enum (or an array, which is
 * as good as its elements)?  Or does one run what others can change?
 */
#define RUN_BY_PARTS                                                                               \
	CODE_OF("SELECT 'pg_catalog.pg_type'::pg_catalog.regclass::pg_catalog.oid, oid FROM parts")
#define SOME_OF_OTHERS                                                                             \
	"(EXISTS (SELECT FROM parts p JOIN pg_catalog.pg_type t ON t.oid = p.oid"                      \
	" JOIN pg_catalog.pg_roles r ON r.oid = t.typowner WHERE NOT " ROW_ROLE_IS_TRUSTED             \
	" AND t.typtype <> 'e' AND NOT (t.typtype = 'b' AND t.typelem <> 0))"                          \
	" OR (" CODE_OF_OTHERS ") IS NOT NULL)"

/* The same, for a value that may be cast: whatever belongs to others counts. */
#define ONE_OF_OTHERS                                                                              \
	"(EXISTS (SELECT FROM parts p JOIN pg_catalog.pg_type t ON t.oid = p.oid"                      \
	" JOIN pg_catalog.pg_roles r ON r.oid = t.typowner WHERE NOT " ROW_ROLE_IS_TRUSTED ")"         \
	" OR (" CODE_OF_OTHERS ") IS NOT NULL)"

/* A literal of a domain is read as one of its base type; $3: what the domain checks counts, too. */
#define NAMED_TYPE                                                                                 \
	"WITH RECURSIVE named AS (SELECT t.* FROM pg_catalog.pg_type t"                                \
	" JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace"                                    \
	" WHERE n.nspname = $1::pg_catalog.name AND t.typname = $2::pg_catalog.name),"                 \
	" chain AS (SELECT oid, typbasetype FROM named UNION ALL SELECT t.oid, t.typbasetype"          \
	"  FROM chain c JOIN pg_catalog.pg_type t ON t.oid = c.typbasetype), "
#define PARTS_OF_NAMED                                                                             \
	PARTS_OF("SELECT oid FROM chain WHERE typbasetype = 0 OR $3::pg_catalog.bool")
#define IS_THERE " SELECT EXISTS (SELECT FROM named), "
static const char type_query[] =
	NAMED_TYPE PARTS_OF_NAMED ", " RUN_BY_PARTS IS_THERE SOME_OF_OTHERS;
static const char cast_type_query[] =
	NAMED_TYPE PARTS_OF_NAMED ", " RUN_BY_PARTS IS_THERE ONE_OF_OTHERS;

/* The columns that a live table is partitioned by. */
static const char key_query[] = "WITH RECURSIVE " PARTS_OF(
	"SELECT a.atttypid FROM pg_catalog.pg_partitioned_table k"
	" JOIN pg_catalog.pg_attribute a"
	"  ON a.attrelid = k.partrelid AND a.attnum = ANY (k.partattrs)"
	" WHERE k.partrelid = pg_catalog.to_regclass("
	"  pg_catalog.format('%I.%I', $1::pg_catalog.text, "
	"$2::pg_catalog.text))") ", " RUN_BY_PARTS " SELECT true, " SOME_OF_OTHERS;

/* The same of a table by its oid, with what it is a partition of. */
static const char table_key_query[] = "WITH RECURSIVE " PARTS_OF(
	"SELECT a.atttypid FROM pg_catalog.pg_partitioned_table k"
	" JOIN pg_catalog.pg_attribute a"
	"  ON a.attrelid = k.partrelid AND a.attnum = ANY (k.partattrs)"
	" WHERE k.partrelid = $1::pg_catalog.oid OR k.partrelid IN (SELECT "
	"p.relid FROM"
	"  "
	"pg_catalog.pg_partition_ancestors($1::pg_catalog.oid::pg_catalog."
	"regclass) p)") ", " RUN_BY_PARTS " SELECT " SOME_OF_OTHERS
					" OR ($2::pg_catalog.bool AND EXISTS (SELECT FROM parts p"
					"  JOIN pg_catalog.pg_type t ON t.oid = p.oid"
					"  JOIN pg_catalog.pg_roles r ON r.oid = t.typowner"
					"  WHERE t.typtype = 'e' AND NOT " ROW_ROLE_IS_TRUSTED "))";

/* Can others change a function that is called like this? */
static const char function_query[] =
	"SELECT true, EXISTS (SELECT FROM pg_catalog.pg_proc f"
	" JOIN pg_catalog.pg_namespace n ON n.oid = f.pronamespace"
	" JOIN pg_catalog.pg_roles r ON r.oid = f.proowner"
	" WHERE n.nspname = $1::pg_catalog.name AND NOT " ROW_ROLE_IS_TRUSTED
	" AND pg_catalog.starts_with($2::pg_catalog.text, f.proname || '('))";

/* Is this one of them, or not there at all? */
static const char role_query[] =
	"SELECT true, NOT EXISTS (SELECT FROM pg_catalog.pg_roles r"
	" WHERE r.rolname = $2::pg_catalog.name AND $1::pg_catalog.text IS NOT NULL"
	" AND " ROW_ROLE_IS_TRUSTED ")";

typedef struct LiveTypes
{
	const Selection *selection;
	Connection *connection;
	const PGresult *superusers; /* their names, and that of the session's role */
	bool no_owner;
	bool locks;      /* the session can lock catalogs */
	Lines harmless;  /* types of literals that were asked for already */
	bool *late;      /* by place: it reads a value of a type that comes with the part, or NULL: */
	bool only_given; /* all types are there, and who owns them was looked at before */
} LiveTypes;

/* How values are read. */
typedef enum Reading
{
	READ_LITERAL, /* a domain alone checks nothing yet */
	READ_WHOLE,
	READ_AND_CAST /* computed with the rights of the session when the definition is there */
} Reading;

/* Run a query that says whether something is there, and whether others can change it. */
static bool
ask(const LiveTypes *types, const char *query, const char *schema, const char *name,
	const char *third, bool *there, bool *others)
{
	const char *params[3] = {schema, name, third};
	PGresult *result = connection_query(types->connection, query, third != NULL ? 3 : 2, params);

	if (result == NULL)
		return false;
	*there = PQgetvalue(result, 0, 0)[0] == 't';
	*others = PQgetvalue(result, 0, 1)[0] == 't';
	PQclear(result);
	return true;
}

bool
live_types_is_enum(const TocEntry *type)
{
	const char *end = toc_entry_after_name(type, "CREATE TYPE ");

	return end != NULL && strncmp(end, " AS ENUM (", strlen(" AS ENUM (")) == 0;
}

/* A literal of a domain over a type of PostgreSQL is read as one of that type. */
static bool
is_over_builtin(const TocEntry *domain)
{
	const char *end = toc_entry_after_name(domain, "CREATE DOMAIN ");
	char *schema = NULL;
	char *name = NULL;
	bool builtin = end != NULL && strncmp(end, " AS ", 4) == 0 &&
				   sql_name_read_qualified(end + 4, &schema, &name) == NULL;

	free(schema);
	free(name);
	return builtin;
}

/* Can others change it, where it is, or what it calls by name? */
static bool
can_be_changed(const LiveTypes *types, const TocEntry *used, bool *others)
{
	bool existing = selection_state(types->selection, used->id) == ENTRY_EXISTING;
	bool function = toc_entry_is(used, "FUNCTION") || toc_entry_is(used, "AGGREGATE");
	bool there;

	*others = false;
	if (!existing && toc_entry_is(used, "DOMAIN") && selection_includes(types->selection, used))
		return restored_domain_of_others(types->connection, used, others);
	if (existing && toc_entry_is(used, "EXTENSION"))
		return live_extension_others(types->connection, used->tag, others, &there);
	if (!existing && (!function || !selection_includes(types->selection, used)))
		return true;
	if (!existing)
		return ask(types, role_query, "", used->owner, NULL, &there, others);
	if (function)
		return ask(types, function_query, used->schema, used->tag, NULL, &there, others);
	if (!toc_entry_is(used, "TYPE") && !toc_entry_is(used, "DOMAIN") &&
		!toc_entry_is_relation(used))
		return true;
	return ask(types, type_query, used->schema, used->tag, "t", &there, others);
}

/* Does a type of this name come with the part, perhaps with an extension or a range type? */
static bool
is_restored(const LiveTypes *types, const TocEntry *entry, const char *schema, const char *name)
{
	static const char *const kinds[] = {
		"TYPE", "SHELL TYPE",        "DOMAIN", "TABLE", "FOREIGN TABLE",
		"VIEW", "MATERIALIZED VIEW", NULL};
	const ArchiveToc *toc = &types->selection->toc;
	uint32_t i;

	for (i = 0; i < toc->count; i++)
	{
		const TocEntry *other = &toc->entries[i];

		if (!selection_includes(types->selection, other))
			continue;
		if (toc_entry_is_any(other, kinds) && strcmp(other->tag, name) == 0 &&
			strcmp(other->schema, schema) == 0)
			return true;
		if ((toc_entry_is(other, "EXTENSION") ||
			 (toc_entry_is(other, "TYPE") && strstr(other->definition, name) != NULL)) &&
			live_code_rests_on(toc, entry, other))
			return true;
	}
	return false;
}

static bool
refuse_cast(const TocEntry *entry, const char *schema, const char *name)
{
	char *detail = xasprintf("It computes a value of type %s.%s, for which others can make casts.",
							 schema, name);

	live_code_refuse(entry, detail);
	free(detail);
	return false;
}

/* What a value may compute of a superuser's domain, which may have been taken over. */
static bool
check_given(const LiveTypes *types, const TocEntry *entry, const TocEntry *used)
{
	return !toc_entry_is(used, "DOMAIN") ||
		   selection_state(types->selection, used->id) != ENTRY_EXISTING ||
		   given_code_check_type(types->connection, entry, used->schema, used->tag, true);
}

/* An enum that comes with the part: can somebody else make a cast of it before it is cast? */
static bool
check_restored_enum(const LiveTypes *types, const TocEntry *entry, const TocEntry *type)
{
	bool there;
	bool others = false;

	if (types->no_owner)
		return true;
	if (!ask(types, role_query, "", type->owner, NULL, &there, &others))
		return false;
	return !others || refuse_cast(entry, type->schema, type->tag);
}

/* A type that comes with the part: does it rest on anything of others? */
static bool
check_restored_type(const LiveTypes *types, const TocEntry *entry, const char *schema,
					const char *name, Reading reading)
{
	const ArchiveToc *toc = &types->selection->toc;
	uint32_t i;

	/* Somebody could make it before the value is read. */
	if (!is_restored(types, entry, schema, name))
	{
		char *detail = xasprintf("There is no type %s.%s, of which a value is read.", schema, name);

		live_code_refuse(entry, detail);
		free(detail);
		return false;
	}
	if (types->late != NULL)
		types->late[entry->place] = true;
	for (i = 0; i < toc->count; i++)
	{
		const TocEntry *type = &toc->entries[i];

		if (strcmp(type->tag, name) != 0 || strcmp(type->schema, schema) != 0)
			continue;
		if (toc_entry_is(type, "TYPE") && live_types_is_enum(type))
			return reading != READ_AND_CAST || check_restored_enum(types, entry, type);
		if (reading == READ_LITERAL && toc_entry_is(type, "DOMAIN") && is_over_builtin(type))
			return true;
	}
	for (i = 0; i < toc->count; i++)
	{
		const TocEntry *used = &toc->entries[i];
		bool others;
		char *detail;

		if (!live_code_rests_on(toc, entry, used))
			continue;
		if (!can_be_changed(types, used, &others) || !check_given(types, entry, used))
			return false;
		if (!others)
			continue;
		detail = xasprintf("A value of type %s.%s may run code of %s %s.%s.", schema, name,
						   used->kind, used->schema, used->tag);
		live_code_refuse(entry, detail);
		free(detail);
		return false;
	}
	return true;
}

bool
live_types_hold(Connection *connection, const char *schema, const char *name)
{
	const char *params[2] = {schema, name};
	PGresult *result =
		connection_query(connection,
						 "SELECT FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n"
						 " ON n.oid = t.typnamespace WHERE n.nspname = $1::pg_catalog.name"
						 " AND t.typname = $2::pg_catalog.name FOR KEY SHARE OF t",
						 2, params);

	PQclear(result);
	return result != NULL;
}

static bool
check_type(LiveTypes *types, const TocEntry *entry, const char *schema, const char *name,
		   Reading reading)
{
	char *key = xasprintf("%d %s.%s", (int) reading, schema, name);
	bool whole = reading != READ_LITERAL;
	bool there = false;
	bool others = false;
	char *detail;
	uint32_t i;

	if (types->only_given)
	{
		free(key);
		return given_code_check_type(types->connection, entry, schema, name, whole);
	}
	for (i = 0; i < types->harmless.count; i++)
	{
		if (strcmp(types->harmless.lines[i], key) == 0)
		{
			free(key);
			return true;
		}
	}
	if ((types->locks && !live_types_hold(types->connection, schema, name)) ||
		!ask(types, reading == READ_AND_CAST ? cast_type_query : type_query, schema, name,
			 whole ? "t" : "f", &there, &others))
	{
		free(key);
		return false;
	}
	if (there && !others)
	{
		bool good = given_code_check_type(types->connection, entry, schema, name, whole);

		if (good)
			lines_add(&types->harmless, key);
		else
			free(key);
		return good;
	}
	free(key);
	if (!there)
		return check_restored_type(types, entry, schema, name, reading);
	if (reading == READ_AND_CAST)
		return refuse_cast(entry, schema, name);
	detail =
		xasprintf("A value of type %s.%s, which can be changed by others, is read.", schema, name);
	live_code_refuse(entry, detail);
	free(detail);
	return false;
}

/* A name of a type: without a schema it is one of PostgreSQL's own. */
static bool
check_type_at(LiveTypes *types, const TocEntry *entry, const char *text, Reading reading)
{
	char *schema = NULL;
	char *name = NULL;
	const char *end = sql_name_read_qualified(text, &schema, &name);
	bool good = true;

	if (end != NULL)
		good = check_type(types, entry, schema, name,
						  *end == '[' && reading == READ_LITERAL ? READ_WHOLE : reading);
	free(schema);
	free(name);
	return good;
}

/* Where the body of a function begins that is a string, or the end. */
static const char *
end_of_definition(const TocEntry *entry)
{
	const char *text = entry->definition;
	char quote = '\0';

	if (!toc_entry_is(entry, "FUNCTION") && !toc_entry_is(entry, "PROCEDURE"))
		return text + strlen(text);
	for (; *text != '\0'; text++)
	{
		if (quote != '\0')
			quote = *text == quote ? '\0' : quote;
		else if (*text == '"' || *text == '\'')
			quote = *text;
		else if (strncmp(text, "\n    AS ", 8) == 0)
			break;
	}
	return text;
}

/* Is it, or what it belongs to, of a superuser or of the session? */
static bool
is_trusted(const LiveTypes *types, const TocEntry *entry)
{
	int i;

	for (i = 0; !types->no_owner && i < PQntuples(types->superusers); i++)
	{
		if (strcmp(PQgetvalue(types->superusers, i, 0), entry->owner) == 0)
			return true;
	}
	return types->no_owner;
}

/*
 * Where a literal is computed with the rights of such a role, the checks of its
 * domain are, too.  In what is only computed later it may be a domain if it was
 * one in the backup.
 */
static Reading
reading_of(const LiveTypes *types, const TocEntry *entry, const char *text)
{
	static const char *const computed[] = {"INDEX",      "CONSTRAINT",        "CHECK CONSTRAINT",
										   "STATISTICS", "MATERIALIZED VIEW", NULL};
	const ArchiveToc *toc = &types->selection->toc;
	char *schema = NULL;
	char *name = NULL;
	Reading reading = READ_WHOLE;
	uint32_t i;

	if (!is_trusted(types, entry))
		return READ_LITERAL;
	if (toc_entry_is_any(entry, computed))
		return READ_WHOLE;
	if (sql_name_read_qualified(text, &schema, &name) != NULL)
	{
		for (i = 0; reading == READ_WHOLE && i < toc->count; i++)
		{
			const TocEntry *domain = &toc->entries[i];

			if (toc_entry_is(domain, "DOMAIN") && strcmp(domain->tag, name) == 0 &&
				strcmp(domain->schema, schema) == 0 && live_code_rests_on(toc, entry, domain))
				reading = READ_LITERAL;
		}
	}
	free(schema);
	free(name);
	return reading;
}

/*
 * Behind the next "::", which is none within a string or a name, or NULL.  *literal:
 * is it that of a string?
 */
static const char *
next_cast(const char *text, bool *literal)
{
	char before = '\0';

	*literal = false;
	for (text = sql_skip_blank(text); *text != '\0'; text = sql_skip_blank(text))
	{
		const char *end = sql_token_end(text);

		if (*text == ':' && before == ':')
			return end;
		if (*text != ':')
			*literal = end[-1] == '\'';
		before = *text;
		text = end;
	}
	return NULL;
}

static bool
check_literals(LiveTypes *types, const TocEntry *entry)
{
	const char *end = end_of_definition(entry);
	const char *text = entry->definition;
	bool literal;
	bool good = true;

	while (good && (text = next_cast(text, &literal)) != NULL && text < end)
		good = !literal || check_type_at(types, entry, text, reading_of(types, entry, text));
	return good;
}

/* The values of a text that is computed at once, NULL among them. */
static bool
check_cast_values(LiveTypes *types, const TocEntry *entry, const char *text)
{
	bool literal;
	bool good = true;

	while (good && (text = next_cast(text, &literal)) != NULL)
		good = check_type_at(types, entry, text, READ_AND_CAST);
	return good;
}

/*
 * What the session computes while it makes the entry.  The type of what a
 * computation has is looked at in live_code.c, if it is named there; that of a
 * constant only here.
 */
static bool
check_computed(LiveTypes *types, const TocEntry *entry)
{
	/* What the server keeps as an expression, or a string, to compute it later. */
	static const char *const kept[] = {
		"VIEW",      "MATERIALIZED VIEW", "RULE",   "FUNCTION",          "PROCEDURE",
		"AGGREGATE", "DEFAULT",           "DOMAIN", "CHECK CONSTRAINT",  "POLICY",
		"TRIGGER",   "PUBLICATION",       "SERVER", "PUBLICATION TABLE", "USER MAPPING",
		"SEQUENCE",  "FK CONSTRAINT",     NULL};
	char *text = NULL;
	bool good = true;

	if (!is_trusted(types, entry) || toc_entry_is_any(entry, kept))
		return true;
	if (!toc_entry_is_table(entry) || inline_computed_read(entry, &text) == INLINE_UNREADABLE)
		good = check_cast_values(types, entry, entry->definition);
	else if (text != NULL)
		good = check_cast_values(types, entry, text);
	free(text);
	return good;
}

/* INITCOND and MINITCOND are read as values of STYPE and MSTYPE. */
static bool
check_aggregate(LiveTypes *types, const TocEntry *entry)
{
	const char *text = entry->definition;
	bool good = true;

	if (strstr(text, "INITCOND = ") == NULL)
		return true;
	while (good && (text = strstr(text, "STYPE = ")) != NULL)
	{
		text += strlen("STYPE = ");
		good = check_type_at(types, entry, text, READ_WHOLE);
	}
	return good;
}

static const TocEntry *
find_restored_table(const LiveTypes *types, const char *schema, const char *name)
{
	uint32_t i;

	for (i = 0; i < types->selection->toc.count; i++)
	{
		const TocEntry *entry = &types->selection->toc.entries[i];

		if (toc_entry_is(entry, "TABLE") && selection_includes(types->selection, entry) &&
			strcmp(entry->tag, name) == 0 && strcmp(entry->schema, schema) == 0)
			return entry;
	}
	return NULL;
}

/* The type of a column in the text of its table, at each place that may be it. */
static bool
check_column(LiveTypes *types, const TocEntry *entry, const TocEntry *table, const char *column,
			 size_t length)
{
	const char *text = table->definition;
	bool good = true;

	while (good && (text = strstr(text, "\n    ")) != NULL)
	{
		text += 5;
		if (strncmp(text, column, length) == 0 && text[length] == ' ')
			good = check_type_at(types, entry, text + length + 1, READ_WHOLE);
	}
	return good;
}

/* "PARTITION BY RANGE (a, "B c" COLLATE x.y)": the last one in the text is the real one. */
static bool
check_restored_key(LiveTypes *types, const TocEntry *entry, const TocEntry *table)
{
	const char *text = NULL;
	const char *next = table->definition;
	bool good = true;

	while ((next = strstr(next, "\nPARTITION BY ")) != NULL)
		text = next++;
	text = text != NULL ? strchr(text, '(') : NULL;
	while (good && text != NULL && *text != '\0' && *text != ')')
	{
		char *column;
		const char *start = text + 1 + strspn(text + 1, " ");
		const char *end = sql_name_read(start, &column);

		if (end == NULL)
			break;
		free(column);
		good = check_column(types, entry, table, start, (size_t) (end - start));
		text = end + strcspn(end, ",)");
	}
	return good;
}

/* "ALTER TABLE ONLY s.parent ATTACH PARTITION s.child FOR VALUES IN (1);" */
static bool
check_bounds(LiveTypes *types, const TocEntry *entry)
{
	static const char prefix[] = "ALTER TABLE ONLY ";
	const TocEntry *table;
	char *schema = NULL;
	char *name = NULL;
	bool there;
	bool others = false;
	bool good;

	if (strncmp(entry->definition, prefix, strlen(prefix)) != 0 ||
		sql_name_read_qualified(entry->definition + strlen(prefix), &schema, &name) == NULL)
	{
		free(schema);
		free(name);
		return true;
	}
	table = find_restored_table(types, schema, name);
	if (table != NULL)
		good = check_restored_key(types, entry, table);
	else
		good = ask(types, key_query, schema, name, NULL, &there, &others) &&
			   (!others ||
				live_code_refuse(entry, "The partition key has a type that can be changed by "
										"others.")) &&
			   given_code_check_key(types->connection, entry, schema, name);
	free(schema);
	free(name);
	return good;
}

bool
live_types_key_of_others(Connection *connection, const char *table, bool cast, bool *others)
{
	const char *params[2] = {table, cast ? "t" : "f"};
	PGresult *result = connection_query(connection, table_key_query, 2, params);

	*others = result != NULL && PQgetvalue(result, 0, 0)[0] == 't';
	PQclear(result);
	return result != NULL;
}

static bool
check_values(LiveTypes *types, const TocEntry *entry)
{
	static const char *const no_values[] = {"ACL", "DEFAULT ACL", "COMMENT", "SECURITY LABEL",
											NULL};

	if (entry->definition == NULL || !selection_includes(types->selection, entry) ||
		toc_entry_is_any(entry, no_values))
		return true;
	return check_literals(types, entry) && check_computed(types, entry) &&
		   (!toc_entry_is(entry, "AGGREGATE") || check_aggregate(types, entry)) &&
		   (!toc_entry_is(entry, "TABLE ATTACH") || check_bounds(types, entry));
}

bool
live_types_check(const RestorePlan *plan, Connection *connection, const PGresult *superusers,
				 bool locks)
{
	LiveTypes types = {.selection = plan->selection,
					   .connection = connection,
					   .superusers = superusers,
					   .no_owner = plan->settings->owners->no_owner,
					   .locks = locks};
	bool good = true;
	uint32_t i;

	free(plan->progress->late_values);
	plan->progress->late_values = xcalloc((size_t) plan->selection->toc.count + 1, sizeof(bool));
	types.late = plan->progress->late_values;
	for (i = 0; good && i < plan->selection->toc.count; i++)
		good = check_values(&types, &plan->selection->toc.entries[i]);
	for (i = 0; i < types.harmless.count; i++)
		free(types.harmless.lines[i]);
	free(types.harmless.lines);
	return good;
}

bool
live_types_check_late(const RestorePlan *plan, Connection *connection, const TocEntry *entry)
{
	LiveTypes types = {.selection = plan->selection,
					   .connection = connection,
					   .no_owner = plan->settings->owners->no_owner,
					   .only_given = true};
	PGresult *superusers;
	bool good;

	if (!live_types_are_late(plan, entry))
		return true;
	superusers = connection_query(
		connection, "SELECT r.rolname FROM pg_catalog.pg_roles r WHERE " ROW_ROLE_IS_TRUSTED, 0,
		NULL);
	types.superusers = superusers;
	good = superusers != NULL && check_values(&types, entry);
	PQclear(superusers);
	return good;
}

bool
live_types_are_late(const RestorePlan *plan, const TocEntry *entry)
{
	return plan->progress->late_values != NULL && plan->progress->late_values[entry->place];
}
