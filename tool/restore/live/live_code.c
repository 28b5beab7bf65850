/*-------------------------------------------------------------------------
 *
 * live_code.c
 *	  Definitions of a backup that would run code of the live database.
 *
 * What a part needs and what is there already is used as it is, and somebody
 * may have changed it since the backup.  Most definitions only name it: it
 * runs when rows come (row_rights.c), or as the owner of the table, as
 * PostgreSQL sees to for indexes and materialized views.  But these would run
 * it at once, with the rights of the session:
 *
 * - a value of an array of a domain, or of a composite or range type, which
 *   the server reads when it reads the definition (live_types.c);
 * - the expression of a partition key or a generated column, whose constant
 *   parts are computed;
 * - a CHECK constraint that comes after the rows, for which all rows are
 *   looked at;
 * - an index or statistics of expressions, or the query of a materialized view,
 *   of a superuser or, with --no-owner, of the session, also by way of what
 *   others wrote and is restored with it;
 * - a foreign key between types with a cast of a user, for the same reason;
 * - CHECK constraints that a table inherits from a table of others;
 * - a partition that is attached to a live table whose key is an expression,
 *   or that has indexes of expressions, where the partition is a superuser's
 *   or the session's.
 *
 * What they name must also be what it was: live_owners.c sees who owns what is
 * used as it is, and live_names.c who could give a name another meaning.
 *
 * They are refused, also with --role: the session's rights can be had back from
 * a role.  So they are in a session that is no superuser's, for code of anybody
 * else; it cannot lock catalogs, so types of others have no foreign keys there.
 * What the archive and the live database say about dependencies decides, on
 * the safe side.
 *
 *-------------------------------------------------------------------------
 */
#include "live_code.h"

#include <stdlib.h>
#include <string.h>

#include "chosen.h"
#include "code_owners.h"
#include "definition_names.h"
#include "entry_calls.h"
#include "inline_parts.h"
#include "live_classes.h"
#include "live_extensions.h"
#include "live_names.h"
#include "live_owners.h"
#include "live_refusal.h"
#include "live_rests.h"
#include "live_rights.h"
#include "live_types.h"
#include "log.h"
#include "memory.h"
#include "owner_settings.h"
#include "quote.h"
#include "restored_domains.h"
#include "row_copy.h"
#include "settings.h"
#include "sql_name.h"
#include "turn_settings.h"

/* A type by its name, held so that no other one can take the name. */
static const char type_query[] =
	"SELECT t.typtype FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n"
	" ON n.oid = t.typnamespace JOIN pg_catalog.pg_roles r ON r.oid = t.typowner"
	" WHERE n.nspname = $1::pg_catalog.name AND t.typname = $2::pg_catalog.name"
	" AND NOT " ROW_ROLE_IS_TRUSTED;

/* Can others than superusers change what a function does that is called like this? */
static const char function_query[] =
	"SELECT FROM pg_catalog.pg_proc f JOIN pg_catalog.pg_namespace n ON n.oid = f.pronamespace"
	" JOIN pg_catalog.pg_roles r ON r.oid = f.proowner"
	" WHERE n.nspname = $1::pg_catalog.name AND NOT " ROW_ROLE_IS_TRUSTED
	" AND pg_catalog.starts_with($2::pg_catalog.text, f.proname || '(') LIMIT 1";

/*
 * What a partitioned table, and those that it is a partition of, make of a new
 * partition: keys that are expressions, foreign keys with types of users, and
 * ($2: built as a superuser or the session) indexes that rest on code of others.
 */
static const char parent_query[] =
	"WITH above AS (SELECT c.oid, c.relowner FROM pg_catalog.pg_partition_ancestors("
	"   pg_catalog.to_regclass($1::pg_catalog.text)) a (relation)"
	"  JOIN pg_catalog.pg_class c ON c.oid = a.relation),"
	" code AS (SELECT d.classid, d.objid, d.refobjid AS used FROM pg_catalog.pg_depend d"
	"   WHERE d.refclassid = 'pg_catalog.pg_proc'::pg_catalog.regclass"
	"  UNION ALL SELECT d.classid, d.objid, o.oprcode::pg_catalog.oid FROM pg_catalog.pg_depend d"
	"   JOIN pg_catalog.pg_operator o ON o.oid = d.refobjid"
	"   WHERE d.refclassid = 'pg_catalog.pg_operator'::pg_catalog.regclass),"
	" foreign_code AS (SELECT code.objid FROM code JOIN pg_catalog.pg_proc f ON f.oid = code.used"
	"  JOIN pg_catalog.pg_roles r ON r.oid = f.proowner"
	"  WHERE code.classid = 'pg_catalog.pg_class'::pg_catalog.regclass"
	"  AND NOT " ROW_ROLE_IS_TRUSTED "),"
	" foreign_types AS (SELECT t.oid FROM pg_catalog.pg_type t"
	"  JOIN pg_catalog.pg_roles r ON r.oid = t.typowner WHERE NOT " ROW_ROLE_IS_TRUSTED ")"
	"SELECT FROM above JOIN pg_catalog.pg_roles r ON r.oid = above.relowner"
	" WHERE EXISTS (SELECT FROM pg_catalog.pg_partitioned_table p WHERE p.partrelid = above.oid"
	"  AND p.partexprs IS NOT NULL AND (NOT " ROW_ROLE_IS_TRUSTED
	"   OR above.oid IN (SELECT objid FROM foreign_code)))"
	" OR EXISTS (SELECT FROM pg_catalog.pg_constraint f JOIN pg_catalog.pg_attribute t"
	"   ON (t.attrelid = f.conrelid AND t.attnum = ANY (f.conkey))"
	"   OR (t.attrelid = f.confrelid AND t.attnum = ANY (f.confkey))"
	"  WHERE f.contype = 'f' AND f.conrelid = above.oid AND t.atttypid >= 16384"
	"  AND (NOT " ROW_ROLE_IS_TRUSTED " OR t.atttypid IN (SELECT oid FROM foreign_types)))"
	" OR ($2::pg_catalog.bool AND EXISTS (SELECT FROM pg_catalog.pg_index i"
	"  WHERE i.indrelid = above.oid AND (i.indexprs IS NOT NULL OR i.indpred IS NOT NULL)"
	"  AND (i.indexrelid IN (SELECT objid FROM foreign_code) OR EXISTS ("
	"   SELECT FROM pg_catalog.pg_depend d WHERE d.objid = i.indexrelid"
	"   AND d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass"
	"   AND d.refclassid = 'pg_catalog.pg_type'::pg_catalog.regclass"
	"   AND d.refobjid IN (SELECT oid FROM foreign_types)))))";

/* Of what is there: what it runs that others can change, or NULL. */
static const char runs_query[] = "WITH RECURSIVE " CODE_OF(
	"SELECT $1::pg_catalog.oid, $2::pg_catalog.oid") " SELECT (" CODE_OF_OTHERS ")";

/*
 * Can others make something else of an operator or a cast?  The operator's owner
 * can, that of the function, and for a cast those of the types.
 */
static const char maker_query[] =
	"WITH it AS (SELECT 'pg_catalog.pg_operator'::pg_catalog.regclass AS class, o.oid, o.oprowner"
	"   AS owner, o.oprcode::pg_catalog.oid AS function, NULL::pg_catalog.oid[] AS types"
	"   FROM pg_catalog.pg_operator o"
	"  UNION ALL SELECT 'pg_catalog.pg_cast'::pg_catalog.regclass, k.oid, NULL, k.castfunc,"
	"   ARRAY[k.castsource, k.casttarget] FROM pg_catalog.pg_cast k)"
	"SELECT x.what, r.rolname FROM it, LATERAL (SELECT 'it'::pg_catalog.text AS what, it.owner"
	"  UNION ALL SELECT 'function ' || f.oid::pg_catalog.regprocedure::pg_catalog.text, f.proowner"
	"   FROM pg_catalog.pg_proc f WHERE f.oid = it.function"
	"  UNION ALL SELECT 'type ' || t.oid::pg_catalog.regtype::pg_catalog.text, t.typowner"
	"   FROM pg_catalog.pg_type t WHERE t.oid = ANY (it.types)) x (what, owner)"
	" JOIN pg_catalog.pg_roles r ON r.oid = x.owner"
	" WHERE it.class = $1::pg_catalog.oid AND it.oid = $2::pg_catalog.oid"
	" AND NOT " ROW_ROLE_IS_TRUSTED " LIMIT 1";

/* Views of others, whose functions run as the one who reads them. */
static const char view_query[] =
	"SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
	" JOIN pg_catalog.pg_roles r ON r.oid = c.relowner"
	" WHERE n.nspname = $1::pg_catalog.name AND c.relname = $2::pg_catalog.name"
	" AND NOT " ROW_ROLE_IS_TRUSTED;

/* Tables that a table of the owner $3 inherits, by the name of one, and that belong to others. */
static const char ancestor_query[] =
	"WITH RECURSIVE above AS (SELECT c.oid, c.relowner FROM pg_catalog.pg_class c"
	"   JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
	"   WHERE n.nspname = $1::pg_catalog.name AND c.relname = $2::pg_catalog.name"
	"  UNION SELECT c.oid, c.relowner FROM above JOIN pg_catalog.pg_inherits i"
	"   ON i.inhrelid = above.oid JOIN pg_catalog.pg_class c ON c.oid = i.inhparent)"
	"SELECT pg_catalog.min(above.oid::pg_catalog.regclass::pg_catalog.text),"
	" pg_catalog.min(r.rolname) FROM above JOIN pg_catalog.pg_roles r ON r.oid = above.relowner"
	" WHERE NOT " ROW_ROLE_IS_TRUSTED " AND r.rolname <> $3::pg_catalog.name";

/* What the checks need. */
typedef struct LiveCode
{
	const RestorePlan *plan;
	Connection *connection;
	bool locks;           /* the session can lock catalogs */
	PGresult *superusers; /* names of roles, and that of the session */
	bool *computed;       /* by place: built as one of them */
	ComputedNeeds *needs;
	char *why; /* others can change what is looked at, if more is known than its owner */
} LiveCode;

static bool
refuse(const LiveCode *live, const TocEntry *entry, const TocEntry *used)
{
	char *needed = toc_entry_label(used);
	bool existing = selection_state(live->plan->selection, used->id) == ENTRY_EXISTING;
	char *detail;

	if (live->why != NULL)
		detail = xasprintf("%s is there already, and %s.", needed, live->why);
	else if (used->owner[0] == '\0')
		detail =
			xasprintf("%s has objects that can be changed by others, or belongs to them.", needed);
	else
		detail = xasprintf(existing ? "%s is there already and can be changed by \"%s\" or others."
									: "%s of \"%s\" may run what its author likes.",
						   needed, used->owner);

	live_code_refuse(entry, detail);
	free(detail);
	free(needed);
	return false;
}

/* Was it written by a superuser, or by the role of the session? */
static bool
is_trusted(const LiveCode *live, const TocEntry *entry)
{
	return result_has(live->superusers, entry->owner);
}

/* Will it belong to one of them, so that what runs as its owner runs with rights to gain? */
static bool
is_superusers(const LiveCode *live, const TocEntry *entry)
{
	return live->plan->settings->owners->no_owner || is_trusted(live, entry);
}

/* Does it compare values with functions that a superuser chose, which others may have written? */
static bool
has_operator_class(const ArchiveToc *toc, const TocEntry *entry)
{
	static const char *const kinds[] = {"INDEX", "CONSTRAINT", "TABLE", NULL};
	int d;

	for (d = 0; toc_entry_is_any(entry, kinds) && d < entry->ndepends_on; d++)
	{
		const TocEntry *other = archive_toc_find(toc, entry->depends_on[d]);

		if (other != NULL && toc_entry_is(other, "OPERATOR CLASS"))
			return true;
	}
	return false;
}

/* What the server calls as the owner of a table or materialized view, where that is a superuser. */
static void
find_computed(LiveCode *live)
{
	const ArchiveToc *toc = &live->plan->selection->toc;
	uint32_t i;

	live->computed = xcalloc((size_t) toc->count + 1, sizeof(bool));
	for (i = 0; i < toc->count; i++)
	{
		const TocEntry *entry = &toc->entries[i];

		live->computed[i] =
			selection_includes(live->plan->selection, entry) && is_superusers(live, entry) &&
			(toc_entry_is(entry, "MATERIALIZED VIEW DATA") || toc_entry_is(entry, "STATISTICS") ||
			 entry_calls_functions(entry) || has_operator_class(toc, entry));
	}
}

/* Does any of that rest on it? */
static bool
check_superusers(const LiveCode *live, const TocEntry *used)
{
	const ArchiveToc *toc = &live->plan->selection->toc;
	bool good = true;
	uint32_t i;

	for (i = 0; good && i < toc->count; i++)
		good = !live->computed[i] || !live_code_rests_on(toc, &toc->entries[i], used) ||
			   refuse(live, &toc->entries[i], used);
	return good;
}

/* A key of columns alone has but one opening parenthesis. */
static bool
has_key_of_expressions(const TocEntry *entry)
{
	const char *key = entry->definition != NULL ? strstr(entry->definition, "PARTITION BY ") : NULL;

	key = key != NULL ? strchr(key, '(') : NULL;
	return key != NULL && strchr(key + 1, '(') != NULL;
}

/*
 * A generated column or a key may call a function of PostgreSQL that computes the
 * key of another table; so may what is built with the rights of the session.  Who
 * wrote it does not matter: a superuser may have taken the table over.
 */
static bool
check_key_of_another(const LiveCode *live, const TocEntry *entry)
{
	static const char *const built[] = {"INDEX", "CONSTRAINT", "STATISTICS", NULL};

	if (entry->definition == NULL || strstr(entry->definition, "satisfies_hash_partition") == NULL)
		return true;
	if (toc_entry_is_table(entry) ? strstr(entry->definition, " GENERATED ALWAYS AS (") == NULL &&
										!has_key_of_expressions(entry)
								  : !is_superusers(live, entry) || !toc_entry_is_any(entry, built))
		return true;
	return live_code_refuse(entry, "Function satisfies_hash_partition() would compute the "
								   "partition key of another table.");
}

static bool check_resting(LiveCode *live, const TocEntry *function);

static bool
check_type(LiveCode *live, const TocEntry *used)
{
	const char *params[2] = {used->schema, used->tag};
	char *sql = xasprintf("%s%s", type_query, live->locks ? " FOR KEY SHARE OF t" : "");
	PGresult *result = connection_query(live->connection, sql, 2, params);
	bool good = result != NULL;

	free(sql);
	if (good && PQntuples(result) > 0)
	{
		/* A row type of a table has no code of its own. */
		if (strchr("drm", PQgetvalue(result, 0, 0)[0]) != NULL ||
			(PQgetvalue(result, 0, 0)[0] == 'c' && !toc_entry_is_relation(used)))
			good = check_superusers(live, used) && check_resting(live, used);
	}
	PQclear(result);
	return good;
}

/* The functions of a view run as the one who looks: who fills a materialized view. */
static bool
check_view(LiveCode *live, const TocEntry *used)
{
	const char *params[2] = {used->schema, used->tag};
	PGresult *result = connection_query(live->connection, view_query, 2, params);
	bool good = result != NULL;

	if (good && PQntuples(result) > 0)
		good = check_superusers(live, used);
	PQclear(result);
	return good;
}

/* "ALTER TABLE ONLY s.parent ATTACH PARTITION …": what the key of the parent computes is code. */
static bool
check_parent(const LiveCode *live, const TocEntry *entry)
{
	static const char prefix[] = "ALTER TABLE ONLY ";
	char *schema = NULL;
	char *name = NULL;
	const char *params[2];
	PGresult *result;
	Buffer parent;
	bool good;

	if (strncmp(entry->definition, prefix, strlen(prefix)) != 0 ||
		sql_name_read_qualified(entry->definition + strlen(prefix), &schema, &name) == NULL)
	{
		free(schema);
		free(name);
		return true;
	}
	buffer_init(&parent);
	quote_qualified(&parent, schema, name);
	params[0] = parent.data;
	params[1] = is_superusers(live, entry) ? "t" : "f";
	result = connection_query(live->connection, parent_query, 2, params);
	good = result != NULL;
	if (good && PQntuples(result) > 0)
		good = report_error(EXIT_FAILED,
							"Its partition key is an expression, a foreign key of it has types of "
							"users, or an index calls functions of others.",
							NEW_DATABASE_HINT,
							"could not attach a partition to %s without running code of the live "
							"database",
							parent.data);
	PQclear(result);
	buffer_free(&parent);
	free(schema);
	free(name);
	return good;
}

/*
 * A table takes over the CHECK constraints and defaults that its parent has
 * now.  They were written by the parent's owner, and would be computed with the
 * rights of the child's.
 */
static bool
check_inherited(const LiveCode *live, const TocEntry *entry, const TocEntry *parent)
{
	const char *params[3] = {parent->schema, parent->tag,
							 live->plan->settings->owners->no_owner ? "" : entry->owner};
	PGresult *result = connection_query(live->connection, ancestor_query, 3, params);
	bool good = result != NULL;

	if (good && !PQgetisnull(result, 0, 0))
	{
		char *detail = xasprintf("It inherits the constraints of %s, which can be changed by "
								 "\"%s\".",
								 PQgetvalue(result, 0, 0), PQgetvalue(result, 0, 1));

		good = live_code_refuse(entry, detail);
		free(detail);
	}
	PQclear(result);
	return good;
}

static bool
check_parents(const LiveCode *live, const TocEntry *entry)
{
	const Selection *selection = live->plan->selection;
	bool good = true;
	int d;

	if (entry->definition == NULL || strstr(entry->definition, "\nINHERITS (") == NULL)
		return true;
	for (d = 0; good && d < entry->ndepends_on; d++)
	{
		const TocEntry *parent = archive_toc_find(&selection->toc, entry->depends_on[d]);

		if (parent != NULL && toc_entry_is_relation(parent) &&
			selection_state(selection, parent->id) == ENTRY_EXISTING)
			good = check_inherited(live, entry, parent);
	}
	return good;
}

/* Does a foreign key that is restored compare values of a type that the cast is for? */
static bool
check_cast(LiveCode *live, const TocEntry *cast, const TocEntry *function)
{
	const ArchiveToc *toc = &live->plan->selection->toc;
	bool good = true;
	uint32_t i;
	int d;

	for (i = 0; good && i < toc->count; i++)
	{
		const TocEntry *entry = &toc->entries[i];

		if (!toc_entry_is(entry, "FK CONSTRAINT") ||
			!selection_includes(live->plan->selection, entry))
			continue;
		for (d = 0; good && d < cast->ndepends_on; d++)
		{
			const TocEntry *type = archive_toc_find(toc, cast->depends_on[d]);

			if (type != NULL && (toc_entry_is(type, "TYPE") || toc_entry_is(type, "DOMAIN")) &&
				live_code_rests_on(toc, entry, type))
				good = refuse(live, entry, function);
		}
	}
	return good;
}

/*
 * Constant calls in a generated column, or in a key, are computed when the
 * table is made.  What its other columns, defaults and constraints use is not.
 */
static bool
computes(const LiveCode *live, const TocEntry *entry, const bool *resting)
{
	/* Partitions are compared by the functions of the key, whoever makes one. */
	return (has_operator_class(&live->plan->selection->toc, entry) &&
			entry_is_partitioned(entry)) ||
		   computed_needs_are_among(live->needs, entry, resting);
}

/*
 * A function of others that is there, or that is restored and may call one
 * that is there: what it says is a string.  Does it run as soon as a
 * definition is restored?  So may a domain, or what an extension has.
 */
static bool
check_resting(LiveCode *live, const TocEntry *function)
{
	const Selection *selection = live->plan->selection;
	bool *resting = live_code_resting(selection, function);
	bool good = true;
	uint32_t i;

	for (i = 0; good && i < selection->toc.count; i++)
	{
		const TocEntry *entry = &selection->toc.entries[i];
		bool check = entry_checks_rows(entry);
		bool cast = toc_entry_is(entry, "CAST");

		if (!(check || cast || toc_entry_is_table(entry)) || !resting[i] ||
			!selection_includes(selection, entry))
			continue;
		check = check || computes(live, entry, resting);
		if (!check && !cast)
			continue;
		good = check ? refuse(live, entry, function) : check_cast(live, entry, function);
	}
	free(resting);
	return good;
}

static bool
check_function(LiveCode *live, const TocEntry *used)
{
	const char *params[2] = {used->schema, used->tag};
	PGresult *result = connection_query(live->connection, function_query, 2, params);
	bool good = result != NULL;

	if (good && PQntuples(result) > 0)
		good = check_superusers(live, used) && check_resting(live, used);
	PQclear(result);
	return good;
}

/* A domain that comes with the part: its constraints are computed where it is cast to. */
static bool
check_domain(LiveCode *live, const TocEntry *domain)
{
	bool others;

	if (!toc_entry_is(domain, "DOMAIN"))
		return true;
	return restored_domain_of_others(live->connection, domain, &others) &&
		   (!others || check_resting(live, domain));
}

/*
 * What is there belongs to a trusted role, but may run functions, or check
 * domains, of others: an operator class by what it compares, an aggregate, a
 * domain over a domain.
 */
static bool
check_what_it_runs(LiveCode *live, const TocEntry *used)
{
	const Selection *selection = live->plan->selection;
	char *catalog = xasprintf("%u", used->catalog);
	const char *params[2] = {catalog, NULL};
	FoundObject found;
	PGresult *result = NULL;
	bool good = true;

	if (selection->existing != NULL && existing_objects_find(selection->existing, used, &found) &&
		found.other_kind == NULL)
	{
		params[1] = found.oid;
		result = connection_query(live->connection, runs_query, 2, params);
		good = result != NULL;
	}
	if (result != NULL && !PQgetisnull(result, 0, 0))
	{
		live->why = xasprintf("runs %s, which others can change", PQgetvalue(result, 0, 0));
		good = check_superusers(live, used) && check_resting(live, used);
		free(live->why);
		live->why = NULL;
	}
	PQclear(result);
	free(catalog);
	return good;
}

/*
 * A foreign key compares by the operators of a class, which nobody can tell from
 * its text.  What its values are cast by depends on their types alone
 * (planned_steps.c).
 */
static bool
check_keys(LiveCode *live, const TocEntry *operator)
{
	const Selection *selection = live->plan->selection;
	const TocEntry *key = NULL;
	bool compares = false;
	uint32_t i;

	for (i = 0; toc_entry_is(operator, "OPERATOR") && i < selection->toc.count; i++)
	{
		const TocEntry *entry = &selection->toc.entries[i];

		if (toc_entry_is(entry, "FK CONSTRAINT") && selection_includes(selection, entry))
			key = entry;
		compares =
			compares ||
			((toc_entry_is(entry, "OPERATOR FAMILY") || toc_entry_is(entry, "OPERATOR CLASS")) &&
			 live_code_rests_on(&selection->toc, entry, operator));
	}
	return key == NULL || !compares || refuse(live, key, operator);
}

/* An operator or a cast that is there, unless it is of trusted roles alone. */
static bool
check_conversion(LiveCode *live, const TocEntry *used)
{
	char *catalog = xasprintf("%u", used->catalog);
	const char *params[2] = {catalog, NULL};
	FoundObject found;
	PGresult *result = NULL;
	bool good = true;

	if (existing_objects_find(live->plan->selection->existing, used, &found) &&
		found.other_kind == NULL)
	{
		params[1] = found.oid;
		result = connection_query(live->connection, maker_query, 2, params);
		good = result != NULL;
	}
	if (good && (result == NULL || PQntuples(result) > 0))
	{
		if (result != NULL)
			live->why = xasprintf("%s belongs to \"%s\"", PQgetvalue(result, 0, 0),
								  PQgetvalue(result, 0, 1));
		good = check_keys(live, used) && check_superusers(live, used) && check_resting(live, used);
		free(live->why);
		live->why = NULL;
	}
	PQclear(result);
	free(catalog);
	return good;
}

/* An extension that is there: what is in it has no entries. */
static bool
check_extension(LiveCode *live, const TocEntry *extension)
{
	bool members;
	bool owner;

	return live_extension_others(live->connection, extension->tag, &members, &owner) &&
		   (!(members || owner) || check_resting(live, extension)) &&
		   (!members || check_superusers(live, extension));
}

/* Kinds of what can run code of its author in a definition that rests on it. */
static const char *const code_kinds[] = {
	"FUNCTION",          "AGGREGATE",     "OPERATOR", "OPERATOR CLASS",
	"OPERATOR FAMILY",   "DOMAIN",        "TYPE",     "VIEW",
	"MATERIALIZED VIEW", "FOREIGN TABLE", NULL};

/* With --no-owner, authors.c refuses all materialized views of others. */
static bool
is_code(const LiveCode *live, const TocEntry *entry)
{
	if (live->plan->settings->owners->no_owner && toc_entry_is(entry, "MATERIALIZED VIEW"))
		return false;
	return toc_entry_is_any(entry, code_kinds) && !live_types_is_enum(entry);
}

static bool
check_used(LiveCode *live)
{
	static const char *const running[] = {
		"FUNCTION", "AGGREGATE", "OPERATOR", "OPERATOR CLASS", "OPERATOR FAMILY", "TYPE",
		"DOMAIN",   "CAST",      NULL};
	const Selection *selection = live->plan->selection;
	bool good = true;
	uint32_t i;

	for (i = 0; good && i < selection->toc.count; i++)
	{
		const TocEntry *entry = &selection->toc.entries[i];

		if (selection_includes(selection, entry) && !is_trusted(live, entry))
			good = (!toc_entry_is(entry, "FUNCTION") || check_resting(live, entry)) &&
				   check_domain(live, entry) &&
				   (!is_code(live, entry) || check_superusers(live, entry));
		if (!good || selection_state(selection, entry->id) != ENTRY_EXISTING)
			continue;
		if (toc_entry_is_any(entry, running) && !check_what_it_runs(live, entry))
			return false;
		if (toc_entry_is(entry, "TYPE") || toc_entry_is(entry, "DOMAIN") ||
			toc_entry_is_table(entry))
			good = check_type(live, entry);
		else if (toc_entry_is(entry, "FUNCTION") || toc_entry_is(entry, "AGGREGATE"))
			good = check_function(live, entry);
		else if (toc_entry_is(entry, "OPERATOR") || toc_entry_is(entry, "CAST"))
			good = check_conversion(live, entry);
		else if (toc_entry_is(entry, "EXTENSION"))
			good = check_extension(live, entry);
		else if (toc_entry_is(entry, "VIEW"))
			good = check_view(live, entry);
		else if (is_code(live, entry))
			good = is_trusted(live, entry) || check_superusers(live, entry);
	}
	for (i = 0; good && i < selection->toc.count; i++)
	{
		const TocEntry *entry = &selection->toc.entries[i];

		if (!selection_includes(selection, entry))
			continue;
		if (!check_key_of_another(live, entry))
			return false;
		if (selection->late[entry->place])
			good = check_parent(live, entry);
		else if (toc_entry_is_table(entry))
			good = check_parents(live, entry);
	}
	return good;
}

bool
live_code_check(const RestorePlan *plan, Connection *connection)
{
	LiveCode live = {plan, connection, false, NULL, NULL, computed_needs_new(plan->selection),
					 NULL};
	char *role;
	bool good;

	if (plan->settings->turns->rows_as == ROWS_AS_SESSION)
		return true;
	if (!session_rights_at_stake(plan->settings, connection, &live.locks))
		return false;
	role = session_rights_suspend_role(connection);
	if (role == NULL)
		return false;
	live.superusers = connection_query(
		connection, "SELECT rolname FROM pg_catalog.pg_roles r WHERE " ROW_ROLE_IS_TRUSTED, 0,
		NULL);
	good = live.superusers != NULL &&
		   live_owners_check(plan, connection, live.superusers, live.locks) &&
		   live_names_check(plan, connection, live.superusers, live.locks);
	if (good)
		find_computed(&live);
	good = good && live_classes_check(plan, connection) && check_used(&live) &&
		   live_rests_check(plan, live.superusers) &&
		   live_types_check(plan, connection, live.superusers, live.locks) &&
		   live_rights_check(plan, connection, live.superusers);
	free(live.computed);
	computed_needs_free(live.needs);
	PQclear(live.superusers);
	if (good)
		return session_rights_resume_role(connection, role);
	free(role);
	return false;
}
