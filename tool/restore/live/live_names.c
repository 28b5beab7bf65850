/*-------------------------------------------------------------------------
 *
 * live_names.c
 *	  Names in definitions of a backup that others could give a meaning to.
 *
 * Which function app.norm('x') calls is decided when the definition is parsed,
 * among all functions of the name.  Whoever can create functions in schema app
 * can have made a better match than the one of the backup; at any moment, as
 * no lock keeps an uncommitted CREATE FUNCTION, OPERATOR or CAST away.  So what
 * counts is not what is there, but who can add to it:
 *
 * - the schemas of the functions and operators that a definition names must
 *   be ones in which only trusted roles can create objects, and no function or
 *   operator of the name may belong to anybody else;
 * - types of values in expressions must belong to trusted roles, as nobody
 *   else can make a cast for them.
 *
 * Trusted are superusers and the role of the session.  Where a definition is
 * computed as an ordinary owner, so is that owner; and where it is not computed
 * at all now (a view, a default, a policy), or by such an owner, so are the
 * roles that own the functions which it calls in the backup: they could change
 * these functions anyway.  Owners of other functions of that name could not, and
 * what the tables that it reads call is no call of its own.
 *
 * A call without arguments has one possible meaning.  Its function is held by
 * a lock on its row instead.  A materialized view is parsed long before it is
 * computed, and so is a table before its rows come: what they call was found
 * by then, casts too, and can be looked at (live_names_check_bound).
 *
 * A definition that names nothing outside pg_catalog is restored whatever the
 * grants of its schema are.
 *
 *-------------------------------------------------------------------------
 */
#include "live_names.h"

#include <stdlib.h>
#include <string.h>

#include "cast_code.h"
#include "definition_names.h"
#include "entry_calls.h"
#include "live_rests.h"
#include "live_types.h"
#include "log.h"
#include "memory.h"
#include "owner_settings.h"
#include "quote.h"
#include "row_copy.h"
#include "selection.h"
#include "selection_closure.h"
#include "session_rights.h"
#include "settings.h"
#include "sql_name.h"
#include "toc_walk.h"
#include "turn_settings.h"
#include "type_casts.h"

#define SCHEMA_HINT                                                                                \
	ROWS_AS_SESSION_HINT                                                                           \
	"  Otherwise restore into a new database (--to=NEWDB) of a server that holds nothing else, "   \
	"or see to it first that nobody else "                                                         \
	"can create objects in the schema (REVOKE CREATE ON SCHEMA, ALTER SCHEMA ... OWNER TO)."

/* No right on the schema helps against the owner of what is in it. */
#define OTHERS_HINT                                                                                \
	"Restore as the owner (-U OWNER), if that is not a superuser and can log in: then nobody's "   \
	"code has more rights than it has anyway.  " ROWS_AS_SESSION_HINT                              \
	"  Otherwise restore into a new database (--to=NEWDB) of a server that holds nothing else, "   \
	"or read what others can change and give it to a superuser (ALTER FUNCTION ... OWNER TO)."

#define EXTENSION_HINT                                                                             \
	"If you trust those who can create objects there, create the extension first (CREATE "         \
	"EXTENSION).  Otherwise restore into a new database (--to=NEWDB) of a server that holds "      \
	"nothing else."

/* $3: further roles that are trusted. */
#define TRUSTED                                                                                    \
	"(" ROW_ROLE_IS_TRUSTED " OR r.rolname::pg_catalog.text = ANY ($3::pg_catalog.text[]))"

/*
 * What `called` (what, owners, results) has of somebody else.  A value that is
 * computed now ($4) is cast, too, and so may be what its type is made of.
 */
#define CALLED_OF_OTHERS                                                                           \
	PARTS_OF("SELECT pg_catalog.unnest(results) FROM called WHERE $4::pg_catalog.bool")            \
	" SELECT x.what FROM (SELECT what, pg_catalog.unnest(owners) FROM called"                      \
	" UNION ALL " PARTS_OWNERS ") x (what, o) JOIN pg_catalog.pg_roles r ON r.oid = x.o"           \
	" WHERE NOT " TRUSTED " LIMIT 1"

/* Functions of a name, with the owner of what they return. */
static const char function_query[] =
	"WITH RECURSIVE called AS (SELECT 'function ' || f.oid::pg_catalog.regprocedure"
	"::pg_catalog.text AS what, ARRAY[f.proowner, t.typowner] AS owners,"
	" ARRAY(SELECT f.prorettype UNION ALL SELECT a.type FROM ROWS FROM ("
	"   pg_catalog.unnest(f.proallargtypes), pg_catalog.unnest(f.proargmodes)) a (type, mode)"
	"  WHERE a.mode <> 'i') AS results"
	" FROM pg_catalog.pg_proc f JOIN pg_catalog.pg_namespace n ON n.oid = f.pronamespace"
	" JOIN pg_catalog.pg_type t ON t.oid = f.prorettype"
	" WHERE n.nspname = $1::pg_catalog.name AND f.proname = "
	"$2::pg_catalog.name), " CALLED_OF_OTHERS;

/* Operators of a name, with the functions that they call. */
static const char operator_query[] =
	"WITH RECURSIVE called AS (SELECT 'operator ' || o.oid::pg_catalog.regoperator"
	"::pg_catalog.text AS what, ARRAY[o.oprowner, f.proowner] AS owners,"
	" ARRAY[o.oprresult] AS results"
	" FROM pg_catalog.pg_operator o JOIN pg_catalog.pg_namespace n ON n.oid = o.oprnamespace"
	" LEFT JOIN pg_catalog.pg_proc f ON f.oid = o.oprcode"
	" WHERE n.nspname = $1::pg_catalog.name AND o.oprname = "
	"$2::pg_catalog.name), " CALLED_OF_OTHERS;

/* Is a schema there, and who else can create objects in it? */
static const char schema_query[] =
	"SELECT (SELECT pg_catalog.min(CASE c.role WHEN 0 THEN 'PUBLIC'"
	"   ELSE pg_catalog.pg_get_userbyid(c.role)::pg_catalog.text END)"
	"  FROM (SELECT CASE a.role WHEN 'pg_database_owner'::pg_catalog.regrole THEN d.datdba"
	"    ELSE a.role END AS role"
	"   FROM (SELECT n.nspowner AS role UNION ALL SELECT x.grantee"
	"     FROM pg_catalog.aclexplode(n.nspacl) x WHERE x.privilege_type = 'CREATE') a,"
	"    pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database()) c"
	"  LEFT JOIN pg_catalog.pg_roles r ON r.oid = c.role WHERE NOT COALESCE(" TRUSTED ", false))"
	" FROM pg_catalog.pg_namespace n WHERE n.nspname = $1::pg_catalog.name"
	" AND $2::pg_catalog.text IS NOT NULL";

/*
 * The schemas of the extensions that an extension requires: its script looks
 * for names there, too.  Those that come with the part are looked at themselves.
 */
static const char required_query[] =
	"SELECT DISTINCT n.nspname FROM pg_catalog.pg_available_extension_versions v,"
	"  LATERAL pg_catalog.unnest(v.requires) AS q (name)"
	" JOIN pg_catalog.pg_extension e ON e.extname = q.name"
	" JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace"
	" WHERE v.name = $1::pg_catalog.name AND n.nspname <> 'pg_catalog'";

/* The one function of the name that has no arguments; with a lock nobody can drop or rename it. */
static const char niladic_query[] =
	"SELECT FROM pg_catalog.pg_proc f JOIN pg_catalog.pg_namespace n ON n.oid = f.pronamespace"
	" JOIN pg_catalog.pg_roles r ON r.oid = f.proowner"
	" WHERE n.nspname = $1::pg_catalog.name AND f.proname = $2::pg_catalog.name"
	" AND f.pronargs = 0 AND " TRUSTED " FOR KEY SHARE OF f";

/* What a relation calls, and a materialized view by way of views. */
static const char bound_query[] =
	"WITH RECURSIVE relations AS (SELECT pg_catalog.to_regclass($1::pg_catalog.text)"
	"   ::pg_catalog.oid AS oid"
	"  UNION SELECT c.oid FROM relations JOIN pg_catalog.pg_rewrite w ON w.ev_class = relations.oid"
	"  JOIN pg_catalog.pg_depend d ON d.objid = w.oid"
	"   AND d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass"
	"   AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass"
	"  JOIN pg_catalog.pg_class c ON c.oid = d.refobjid AND c.relkind = 'v'),"
	" parts AS (SELECT 'pg_catalog.pg_rewrite'::pg_catalog.regclass::pg_catalog.oid AS class, w.oid"
	"  FROM relations JOIN pg_catalog.pg_rewrite w ON w.ev_class = relations.oid"
	"  AND w.ev_type = '1'"
	" UNION ALL SELECT 'pg_catalog.pg_constraint'::pg_catalog.regclass, k.oid"
	"  FROM relations JOIN pg_catalog.pg_constraint k ON k.conrelid = relations.oid"
	"  AND k.contype = 'c'"
	" UNION ALL SELECT 'pg_catalog.pg_attrdef'::pg_catalog.regclass, f.oid"
	"  FROM relations JOIN pg_catalog.pg_attrdef f ON f.adrelid = relations.oid"
	"  JOIN pg_catalog.pg_attribute a ON a.attrelid = f.adrelid AND a.attnum = f.adnum"
	"  AND a.attgenerated <> '')"
	"SELECT pg_catalog.min(f.oid::pg_catalog.regprocedure::pg_catalog.text)"
	" FROM parts JOIN pg_catalog.pg_depend d ON d.classid = parts.class AND d.objid = parts.oid"
	" LEFT JOIN pg_catalog.pg_operator o ON o.oid = d.refobjid"
	"  AND d.refclassid = 'pg_catalog.pg_operator'::pg_catalog.regclass"
	" JOIN pg_catalog.pg_proc f ON f.oid = COALESCE(o.oprcode::pg_catalog.oid, d.refobjid)"
	" JOIN pg_catalog.pg_roles r ON r.oid = f.proowner"
	" WHERE d.refclassid IN ('pg_catalog.pg_operator'::pg_catalog.regclass,"
	"  'pg_catalog.pg_proc'::pg_catalog.regclass) AND $2::pg_catalog.text IS NOT NULL"
	" AND NOT " TRUSTED;

/* When a definition, or the part of it that has a name, is computed, and as whom. */
typedef enum Computed
{
	COMPUTED_LATER,
	COMPUTED_BY_OWNER,
	COMPUTED_BY_SESSION
} Computed;

typedef struct LiveNames
{
	const RestorePlan *plan;
	Connection *connection;
	const PGresult *superusers;
	bool locks;
	Lines good; /* what was asked for already */
} LiveNames;

static bool
is_trusted(const LiveNames *live, const char *role)
{
	return result_has(live->superusers, role);
}

static Computed
when_computed(const TocEntry *entry, const UsedName *used)
{
	static const char *const by_owner[] = {"INDEX", "CONSTRAINT", "STATISTICS", "MATERIALIZED VIEW",
										   NULL};

	if (toc_entry_is_table(entry) && used->computed)
		return COMPUTED_BY_SESSION;
	if (entry_checks_rows(entry))
		return COMPUTED_BY_SESSION;
	return toc_entry_is_any(entry, by_owner) ? COMPUTED_BY_OWNER : COMPUTED_LATER;
}

/* Would the code of an ordinary owner gain nothing, or will nothing be computed? */
static bool
is_owners(const LiveNames *live, const TocEntry *entry, Computed computed)
{
	return computed == COMPUTED_LATER ||
		   (computed == COMPUTED_BY_OWNER && !live->plan->settings->owners->no_owner &&
			!is_trusted(live, entry->owner));
}

/* Is the entry a function or operator of this name? */
static bool
has_name(const TocEntry *entry, const UsedName *used)
{
	size_t length = strlen(used->name);

	if (strcmp(entry->schema, used->schema) != 0)
		return false;
	if (used->use == NAME_OPERATOR)
		return toc_entry_is(entry, "OPERATOR") && strcmp(entry->tag, used->name) == 0;
	return (toc_entry_is(entry, "FUNCTION") || toc_entry_is(entry, "AGGREGATE")) &&
		   strncmp(entry->tag, used->name, length) == 0 && entry->tag[length] == '(';
}

static bool
depends_on(const TocEntry *entry, const TocEntry *other)
{
	int d;

	for (d = 0; d < entry->ndepends_on; d++)
	{
		if (entry->depends_on[d] == other->id)
			return true;
	}
	return false;
}

/* Further roles that are trusted with a name, as an array; caller frees. */
static char *
trusted_roles(const LiveNames *live, const TocEntry *entry, const UsedName *used, bool owners)
{
	const ArchiveToc *toc = &live->plan->selection->toc;
	Buffer array;
	uint32_t i;

	buffer_init(&array);
	buffer_append_char(&array, '{');
	if (owners && !live->plan->settings->owners->no_owner)
		quote_array_item(&array, entry->owner);
	for (i = 0; owners && used != NULL && i < toc->count; i++)
	{
		if (has_name(&toc->entries[i], used) && depends_on(entry, &toc->entries[i]))
			quote_array_item(&array, toc->entries[i].owner);
	}
	buffer_append_char(&array, '}');
	return buffer_detach(&array);
}

static bool
refuse_with(const TocEntry *entry, const char *hint, char *detail)
{
	char *label = toc_entry_label(entry);

	report_error(EXIT_FAILED, detail, hint,
				 "could not restore %s without running code of the live database", label);
	free(label);
	free(detail);
	return false;
}

static bool
refuse(const TocEntry *entry, char *detail)
{
	return refuse_with(entry, SCHEMA_HINT, detail);
}

/* Ask once for each name and list of roles; *answer NULL if there was none, else caller clears. */
static bool
ask(const LiveNames *live, const char *query, const char *schema, const char *name,
	const char *roles, PGresult **answer)
{
	const char *params[3] = {schema, name, roles};

	*answer = connection_query(live->connection, query, 3, params);
	return *answer != NULL;
}

/* Nothing of the name may belong to others, there or in the part. */
static bool
check_others(const LiveNames *live, const TocEntry *entry, const UsedName *used, const char *roles,
			 bool owners)
{
	const ArchiveToc *toc = &live->plan->selection->toc;
	bool computed = when_computed(entry, used) != COMPUTED_LATER;
	const char *params[4] = {used->schema, used->name, roles, computed ? "t" : "f"};
	PGresult *answer;
	bool good;
	uint32_t i;

	for (i = 0; !owners && i < toc->count; i++)
	{
		const TocEntry *other = &toc->entries[i];

		if (has_name(other, used) && selection_includes(live->plan->selection, other) &&
			!is_trusted(live, other->owner))
			return refuse_with(entry, OTHERS_HINT,
							   xasprintf("It calls %s.%s by name, and \"%s\" wrote %s %s.%s.",
										 used->schema, used->name, other->owner, other->kind,
										 other->schema, other->tag));
	}
	answer = connection_query(
		live->connection, used->use == NAME_OPERATOR ? operator_query : function_query, 4, params);
	good = answer != NULL;
	if (good && PQntuples(answer) > 0)
		good = refuse_with(entry, OTHERS_HINT,
						   xasprintf("It calls %s.%s by name, and %s is there, which others can "
									 "change.",
									 used->schema, used->name, PQgetvalue(answer, 0, 0)));
	PQclear(answer);
	return good;
}

/* Does the schema come with the part?  Then nobody else can use it before the end. */
static bool
is_restored(const LiveNames *live, const char *schema)
{
	const ArchiveToc *toc = &live->plan->selection->toc;
	uint32_t i;

	for (i = 0; i < toc->count; i++)
	{
		if (toc_entry_is(&toc->entries[i], "SCHEMA") && strcmp(toc->entries[i].tag, schema) == 0)
			return selection_includes(live->plan->selection, &toc->entries[i]);
	}
	return false;
}

/* Nobody else may be able to add to the schema. */
static bool
check_schema(const LiveNames *live, const TocEntry *entry, const UsedName *used, const char *roles)
{
	PGresult *answer;
	bool good = ask(live, schema_query, used->schema, used->name, roles, &answer);

	if (good && PQntuples(answer) == 0 && !is_restored(live, used->schema))
		good = refuse(entry, xasprintf("It calls %s.%s, and there is no such schema.", used->schema,
									   used->name));
	else if (good && PQntuples(answer) == 1 && !PQgetisnull(answer, 0, 0))
		good = refuse(entry,
					  xasprintf("It calls %s.%s by name, and \"%s\" can create objects in "
								"schema \"%s\".",
								used->schema, used->name, PQgetvalue(answer, 0, 0), used->schema));
	PQclear(answer);
	return good;
}

/* A call without arguments: is it held, or restored by us? */
static bool
is_held(const LiveNames *live, const UsedName *used, const char *roles, bool *held)
{
	const ArchiveToc *toc = &live->plan->selection->toc;
	PGresult *answer;
	uint32_t i;

	*held = false;
	if (used->use != NAME_NILADIC)
		return true;
	for (i = 0; i < toc->count; i++)
	{
		const TocEntry *other = &toc->entries[i];

		if (has_name(other, used) && strcmp(other->tag + strlen(used->name), "()") == 0 &&
			selection_includes(live->plan->selection, other))
			*held = true;
	}
	if (*held || !live->locks)
		return true;
	if (!ask(live, niladic_query, used->schema, used->name, roles, &answer))
		return false;
	*held = PQntuples(answer) == 1;
	PQclear(answer);
	return true;
}

static bool
check_call(LiveNames *live, const TocEntry *entry, const UsedName *used)
{
	Computed computed = when_computed(entry, used);
	bool owners = is_owners(live, entry, computed);
	char *roles = trusted_roles(live, entry, used, owners);
	char *key = xasprintf("%d %d %d %s %s.%s", owners, computed != COMPUTED_LATER, used->use, roles,
						  used->schema, used->name);
	bool held;
	bool good = true;
	uint32_t i;

	for (i = 0; i < live->good.count; i++)
	{
		if (strcmp(live->good.lines[i], key) == 0)
			break;
	}
	if (i == live->good.count)
	{
		good = is_held(live, used, roles, &held);
		if (good && (!held || !owners))
			good = check_others(live, entry, used, roles, owners);
		good = good && (held || check_schema(live, entry, used, roles));
		if (good)
			lines_add(&live->good, xstrdup(key));
	}
	free(key);
	free(roles);
	return good;
}

/* Can somebody else make a cast for a type that is there? */
static bool
check_type(const LiveNames *live, const TocEntry *entry, const UsedName *type, bool whole,
		   bool owners)
{
	char *roles = trusted_roles(live, entry, NULL, owners);
	bool others = false;
	bool good =
		(!live->locks || live_types_hold(live->connection, type->schema, type->name)) &&
		type_can_get_casts(live->connection, type->schema, type->name, whole, roles, &others);

	free(roles);
	if (good && others)
		good = refuse_with(entry, OTHERS_HINT,
						   xasprintf("It uses values of type %s.%s, for which others can make "
									 "casts.",
									 type->schema, type->name));
	return good;
}

/* Of the table that an index or a constraint is for, or of the table itself, its parents too. */
static bool
check_column(const LiveNames *live, const TocEntry *entry, const TocEntry *table,
			 const char *column, bool owners)
{
	UsedNames names;
	bool good = true;
	uint32_t i;

	definition_names_read(table, &names);
	for (i = 0; good && i < names.count; i++)
	{
		const UsedName *used = &names.items[i];

		if (used->use == NAME_ROW_TYPE ||
			(used->use == NAME_COLUMN_TYPE && strcmp(used->column, column) == 0))
			good = check_type(live, entry, used, false, owners);
	}
	definition_names_free(&names);
	return good;
}

/* A parent of others that is there can have other types in its columns by now. */
static bool
check_parent(const LiveNames *live, const TocEntry *entry, const TocEntry *parent, bool owners)
{
	char *label;

	if (selection_state(live->plan->selection, parent->id) != ENTRY_EXISTING ||
		is_trusted(live, parent->owner) || (owners && strcmp(parent->owner, entry->owner) == 0))
		return true;
	label = toc_entry_label(parent);
	refuse_with(
		entry, OTHERS_HINT,
		xasprintf("It uses columns of %s, which can be changed by \"%s\".", label, parent->owner));
	free(label);
	return false;
}

static bool
check_inherited(const LiveNames *live, const TocEntry *entry, const TocEntry *table,
				const char *column, bool owners)
{
	const ArchiveToc *toc = &live->plan->selection->toc;
	const TocEntry *at;
	bool good = true;
	TocWalk walk;
	int d;

	toc_walk_begin(&walk, toc);
	toc_walk_add(&walk, table);
	while (good && (at = toc_walk_next(&walk)) != NULL)
	{
		good = check_column(live, entry, at, column, owners);
		if (at->definition == NULL || strstr(at->definition, "\nINHERITS (") == NULL)
			continue;
		for (d = 0; good && d < at->ndepends_on; d++)
		{
			const TocEntry *parent = archive_toc_find(toc, at->depends_on[d]);

			if (parent != NULL && parent->place < at->place && toc_entry_is_table(parent) &&
				toc_walk_add(&walk, parent))
				good = check_parent(live, entry, parent, owners);
		}
	}
	toc_walk_end(&walk);
	return good;
}

/* The columns of a materialized view have the types that its query gives them. */
static bool
check_types_of_view(const LiveNames *live, const TocEntry *entry, const TocEntry *view, bool owners)
{
	const ArchiveToc *toc = &live->plan->selection->toc;
	bool good = true;
	uint32_t i;

	for (i = 0; good && i < toc->count; i++)
	{
		const TocEntry *type = &toc->entries[i];
		UsedName name = {NAME_TYPE, true, type->schema, type->tag, NULL};

		if ((toc_entry_is(type, "TYPE") || toc_entry_is(type, "DOMAIN")) &&
			selection_state(live->plan->selection, type->id) == ENTRY_EXISTING &&
			live_code_rests_on(toc, view, type))
			good = check_type(live, entry, &name, false, owners);
	}
	return good;
}

/* What may be a column in an expression that is computed now. */
static bool
check_value(const LiveNames *live, const TocEntry *entry, const UsedName *used, bool owners)
{
	const ArchiveToc *toc = &live->plan->selection->toc;
	bool good = true;
	int d;

	if (toc_entry_is_table(entry))
		return check_inherited(live, entry, entry, used->name, owners);
	for (d = 0; good && d < entry->ndepends_on; d++)
	{
		const TocEntry *other = archive_toc_find(toc, entry->depends_on[d]);

		if (other != NULL && toc_entry_is_table(other))
			good = check_inherited(live, entry, other, used->name, owners);
		else if (other != NULL && toc_entry_is(other, "MATERIALIZED VIEW"))
			good = check_types_of_view(live, entry, other, owners);
	}
	return good;
}

/*
 * The script of an extension runs as a superuser, and looks for names in the
 * schema of the extension: what is there already may match better than what
 * the script makes.
 */
static bool
check_script_schema(const LiveNames *live, const TocEntry *entry, const char *schema)
{
	PGresult *answer;
	char *detail;
	char *label;
	bool good = ask(live, schema_query, schema, "", "{}", &answer);

	if (good && PQntuples(answer) == 1 && !PQgetisnull(answer, 0, 0) && !is_restored(live, schema))
	{
		label = toc_entry_label(entry);
		detail = xasprintf("Its script runs as a superuser, and \"%s\" can create objects in "
						   "schema \"%s\", which it might call.",
						   PQgetvalue(answer, 0, 0), schema);
		good =
			report_error(EXIT_FAILED, detail, EXTENSION_HINT,
						 "could not restore %s without running code of the live database", label);
		free(detail);
		free(label);
	}
	PQclear(answer);
	return good;
}

static bool
check_extension(const LiveNames *live, const TocEntry *entry)
{
	const char *params[1] = {entry->tag};
	const char *place = strstr(entry->definition, " WITH SCHEMA ");
	char *schema = NULL;
	PGresult *required;
	bool good;
	int i;

	if (place != NULL)
		sql_name_read(place + strlen(" WITH SCHEMA "), &schema);
	good = schema == NULL || check_script_schema(live, entry, schema);
	free(schema);
	if (!good)
		return false;
	required = connection_query(live->connection, required_query, 1, params);
	good = required != NULL;
	for (i = 0; good && i < PQntuples(required); i++)
		good = check_script_schema(live, entry, PQgetvalue(required, i, 0));
	PQclear(required);
	return good;
}

static bool
check_name(LiveNames *live, const TocEntry *entry, const UsedName *used)
{
	Computed computed = when_computed(entry, used);
	bool owners = is_owners(live, entry, computed);

	switch (used->use)
	{
		case NAME_FUNCTION:
		case NAME_NILADIC:
		case NAME_OPERATOR:
			return check_call(live, entry, used);
		case NAME_TYPE:
			return computed == COMPUTED_LATER || check_type(live, entry, used, true, owners);
		case NAME_COLUMN:
			return computed == COMPUTED_LATER || toc_entry_is(entry, "MATERIALIZED VIEW") ||
				   check_value(live, entry, used, owners);
		case NAME_COLUMN_TYPE:
		case NAME_ROW_TYPE:
			break;
	}
	return true;
}

bool
live_names_check(const RestorePlan *plan, Connection *connection, const PGresult *superusers,
				 bool locks)
{
	LiveNames live = {plan, connection, superusers, locks, {NULL, 0}};
	const ArchiveToc *toc = &plan->selection->toc;
	bool good = true;
	uint32_t i;
	uint32_t n;

	for (i = 0; good && i < toc->count; i++)
	{
		UsedNames names;

		if (!selection_includes(plan->selection, &toc->entries[i]))
			continue;
		if (toc_entry_is(&toc->entries[i], "EXTENSION"))
			good = check_extension(&live, &toc->entries[i]);
		definition_names_read(&toc->entries[i], &names);
		for (n = 0; good && n < names.count; n++)
			good = check_name(&live, &toc->entries[i], &names.items[n]);
		definition_names_free(&names);
	}
	for (i = 0; i < live.good.count; i++)
		free(live.good.lines[i]);
	free(live.good.lines);
	return good;
}

/*
 * The owners of the functions that an entry calls by itself, or by way of
 * operators and views.  Who has written constraints of a table that it reads is
 * not asked to compute anything.
 */
static void
add_callers(const Selection *selection, const TocEntry *entry, Buffer *array)
{
	static const char *const functions[] = {"FUNCTION", "AGGREGATE", NULL};
	static const char *const through[] = {"OPERATOR", "VIEW", NULL};
	const TocEntry *at;
	TocWalk walk;
	int d;

	toc_walk_begin(&walk, &selection->toc);
	toc_walk_add(&walk, entry);
	while ((at = toc_walk_next(&walk)) != NULL)
	{
		toc_walk_add(&walk, selection_view_query(selection, at));
		for (d = 0; d < at->ndepends_on; d++)
		{
			const TocEntry *used = archive_toc_find(&selection->toc, at->depends_on[d]);

			if (used != NULL && toc_entry_is_any(used, through))
				toc_walk_add(&walk, used);
			else if (toc_walk_skip(&walk, used) && toc_entry_is_any(used, functions))
				quote_array_item(array, used->owner);
		}
	}
	toc_walk_end(&walk);
}

/* The roles whose functions a relation may call: its owner, and those of the backup. */
static char *
bound_roles(const RestorePlan *plan, const TocEntry *entry)
{
	Buffer array;

	buffer_init(&array);
	buffer_append_char(&array, '{');
	quote_array_item(&array, entry->owner);
	add_callers(plan->selection, entry, &array);
	buffer_append_char(&array, '}');
	return buffer_detach(&array);
}

bool
live_names_check_bound(const RestorePlan *plan, Connection *connection, const TocEntry *entry,
					   const char *target)
{
	static const char role_query[] =
		"SELECT FROM pg_catalog.pg_roles r WHERE r.rolname = $1::pg_catalog.name"
		" AND NOT " ROW_ROLE_IS_TRUSTED;
	const char *owner[1] = {entry->owner};
	const char *params[3] = {target, "", "{}"};
	char *roles = NULL;
	PGresult *result;
	bool good;

	if (plan->settings->turns->rows_as == ROWS_AS_SESSION)
		return true;
	result = connection_query(connection, role_query, 1, owner);
	if (result == NULL)
		return false;
	if (PQntuples(result) == 1 && !plan->settings->owners->no_owner)
		params[2] = roles = bound_roles(plan, entry);
	PQclear(result);
	result = connection_query(connection, bound_query, 3, params);
	good = result != NULL;
	if (good && !PQgetisnull(result, 0, 0))
		good = refuse_with(
			entry, OTHERS_HINT,
			xasprintf("It calls function %s, which others can change.", PQgetvalue(result, 0, 0)));
	PQclear(result);
	free(roles);
	return good;
}
