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
 * - a literal of an array of a domain, or of a composite or range type, which
 *   the server reads when it reads the definition: DEFAULT '{1}'::positive[];
 * - the expression of a partition key, whose constant parts are computed;
 * - a CHECK constraint that comes after the rows, for which all rows are
 *   looked at;
 * - an index of expressions or the query of a materialized view of a superuser
 *   or, with --no-owner, of the session;
 * - a foreign key between types with a cast of a user, for the same reason;
 * - a partition that is attached to a live table whose key is an expression.
 *
 * They are refused, also with --role: the session's rights can be had back from
 * a role.  The text of the definition decides, on the safe side.
 *
 *-------------------------------------------------------------------------
 */
#include "live_code.h"

#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "memory.h"
#include "quote.h"
#include "row_rights.h"
#include "row_copy.h"
#include "sql_name.h"

/* A type by its name, held so that no other one can take the name. */
static const char type_query[] =
	"SELECT t.typtype, EXISTS (SELECT FROM pg_catalog.pg_cast k WHERE k.castmethod = 'f'"
	"  AND t.oid IN (k.castsource, k.casttarget))"
	" FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n"
	" ON n.oid = t.typnamespace JOIN pg_catalog.pg_roles r ON r.oid = t.typowner"
	" WHERE n.nspname = $1::pg_catalog.name AND t.typname = $2::pg_catalog.name"
	" AND NOT r.rolsuper FOR KEY SHARE OF t";

/* Can others than superusers change what a function does that is called like this? */
static const char function_query[] =
	"SELECT FROM pg_catalog.pg_proc f JOIN pg_catalog.pg_namespace n ON n.oid = f.pronamespace"
	" JOIN pg_catalog.pg_roles r ON r.oid = f.proowner"
	" WHERE n.nspname = $1::pg_catalog.name AND NOT r.rolsuper"
	" AND pg_catalog.starts_with($2::pg_catalog.text, f.proname || '(') LIMIT 1";

/* Keys of a partitioned table, and of those that it is a partition of, that are expressions. */
static const char parent_query[] =
	"SELECT FROM pg_catalog.pg_partition_ancestors("
	"  pg_catalog.to_regclass($1::pg_catalog.text)) a (relation)"
	" JOIN pg_catalog.pg_partitioned_table p ON p.partrelid = a.relation"
	" JOIN pg_catalog.pg_class c ON c.oid = p.partrelid"
	" JOIN pg_catalog.pg_roles r ON r.oid = c.relowner"
	" WHERE NOT r.rolsuper AND (p.partexprs IS NOT NULL OR EXISTS ("
	"  SELECT FROM pg_catalog.pg_constraint f JOIN pg_catalog.pg_attribute t"
	"   ON (t.attrelid = f.conrelid AND t.attnum = ANY (f.conkey))"
	"   OR (t.attrelid = f.confrelid AND t.attnum = ANY (f.confkey))"
	"  WHERE f.contype = 'f' AND f.conrelid = c.oid AND t.atttypid >= 16384))";

/* Views of others, whose functions run as the one who reads them. */
static const char view_query[] =
	"SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
	" JOIN pg_catalog.pg_roles r ON r.oid = c.relowner"
	" WHERE n.nspname = $1::pg_catalog.name AND c.relname = $2::pg_catalog.name"
	" AND NOT r.rolsuper";

/* What the checks need. */
typedef struct LiveCode
{
	const RestorePlan *plan;
	Connection *connection;
	PGresult *superusers; /* names of roles */
} LiveCode;

static bool
refuse(const LiveCode *live, const TocEntry *entry, const TocEntry *used)
{
	char *label = toc_entry_label(entry);
	char *needed = toc_entry_label(used);
	bool existing = selection_state(live->plan->selection, used->id) == ENTRY_EXISTING;
	char *detail =
		xasprintf(existing ? "%s is there already and can be changed by \"%s\" or others."
						   : "%s of \"%s\" may call what is there already.",
				  needed, used->owner);

	report_error(EXIT_FAILED, detail, ROWS_AS_SESSION_HINT,
				 "could not restore %s without running code of the live database", label);
	free(detail);
	free(needed);
	free(label);
	return false;
}

/* Will the entry belong to a superuser, so that what runs as its owner runs as one? */
static bool
is_superusers(const LiveCode *live, const TocEntry *entry)
{
	int i;

	if (live->plan->settings->no_owner)
		return true;
	for (i = 0; i < PQntuples(live->superusers); i++)
	{
		if (strcmp(PQgetvalue(live->superusers, i, 0), entry->owner) == 0)
			return true;
	}
	return false;
}

/* Does the entry rest on the other one, by whatever way? */
static bool
rests_on(const ArchiveToc *toc, const TocEntry *entry, const TocEntry *used, bool *seen)
{
	int d;

	if (entry == NULL || seen[entry->id])
		return false;
	seen[entry->id] = true;
	for (d = 0; d < entry->ndepends_on; d++)
	{
		if (entry->depends_on[d] == used->id ||
			rests_on(toc, archive_toc_find(toc, entry->depends_on[d]), used, seen))
			return true;
	}
	return false;
}

static bool
entry_rests_on(const ArchiveToc *toc, const TocEntry *entry, const TocEntry *used)
{
	bool *seen = xcalloc((size_t) toc->max_id + 1, sizeof(bool));
	bool found = rests_on(toc, entry, used, seen);

	free(seen);
	return found;
}

/* What the server calls as the owner of a table or materialized view, where he is a superuser. */
static bool
check_superusers(const LiveCode *live, const TocEntry *used)
{
	const ArchiveToc *toc = &live->plan->selection->toc;
	bool good = true;
	uint32_t i;

	for (i = 0; good && i < toc->count; i++)
	{
		const TocEntry *entry = &toc->entries[i];

		if (!selection_includes(live->plan->selection, entry) ||
			!(toc_entry_is(entry, "MATERIALIZED VIEW DATA") || in_place_calls_functions(entry)) ||
			!is_superusers(live, entry))
			continue;
		good = !entry_rests_on(toc, entry, used) || refuse(live, entry, used);
	}
	return good;
}

/* Does any definition run what is used?  Reported. */
static bool
check_definitions(LiveCode *live, const TocEntry *used, const char *literal, const char *kind)
{
	const Selection *selection = live->plan->selection;
	uint32_t i;

	for (i = 0; i < selection->toc.count; i++)
	{
		const TocEntry *entry = &selection->toc.entries[i];
		const char *text = entry->definition;
		const char *key = text != NULL ? strstr(text, "PARTITION BY ") : NULL;

		if (text == NULL || !selection_includes(selection, entry))
			continue;
		/* A key of columns alone has but one opening parenthesis. */
		if ((literal != NULL && strstr(text, literal) != NULL) ||
			(key != NULL && strchr(key, '(') != NULL &&
			 strchr(strchr(key, '(') + 1, '(') != NULL) ||
			toc_entry_is(entry, "CHECK CONSTRAINT") || (kind != NULL && toc_entry_is(entry, kind)))
			return refuse(live, entry, used);
	}
	return check_superusers(live, used);
}

/* Where foreign keys follow, nobody else can make casts until the end of the transaction. */
static bool
hold_casts(LiveCode *live)
{
	const Selection *selection = live->plan->selection;
	const char *super = PQparameterStatus(live->connection->pg, "is_superuser");
	uint32_t i;

	for (i = 0; super != NULL && strcmp(super, "on") == 0 && i < selection->toc.count; i++)
	{
		const TocEntry *entry = &selection->toc.entries[i];

		if (toc_entry_is(entry, "FK CONSTRAINT") && selection_includes(selection, entry))
			return connection_command(live->connection,
									  "LOCK TABLE pg_catalog.pg_cast IN SHARE MODE");
	}
	return true;
}

static bool
check_type(LiveCode *live, const TocEntry *used)
{
	const char *params[2] = {used->schema, used->tag};
	PGresult *result =
		hold_casts(live) ? connection_query(live->connection, type_query, 2, params) : NULL;
	bool good = result != NULL;

	if (good && PQntuples(result) > 0)
	{
		char type = PQgetvalue(result, 0, 0)[0];
		Buffer literal;

		buffer_init(&literal);
		buffer_append_string(&literal, "'::");
		quote_qualified(&literal, used->schema, used->tag);
		if (type == 'd')
			buffer_append_char(&literal, '[');
		if (strchr("dcrm", type) != NULL)
			good = check_definitions(live, used, literal.data, NULL);
		if (good && PQgetvalue(result, 0, 1)[0] == 't')
			good = check_definitions(live, used, NULL, "FK CONSTRAINT");
		buffer_free(&literal);
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
check_parent(Connection *connection, const TocEntry *entry)
{
	static const char prefix[] = "ALTER TABLE ONLY ";
	char *schema = NULL;
	char *name = NULL;
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
	result = connection_query(connection, parent_query, 1, (const char *const *) &parent.data);
	good = result != NULL;
	if (good && PQntuples(result) > 0)
		good = report_error(EXIT_FAILED,
							"Its partition key is an expression, or a foreign key of it has types "
							"of users.",
							ROWS_AS_SESSION_HINT,
							"could not attach a partition to %s without running code of the live "
							"database",
							parent.data);
	PQclear(result);
	buffer_free(&parent);
	free(schema);
	free(name);
	return good;
}

/* Does a definition that is restored read a literal of this type? */
static bool
check_literals(LiveCode *live, const TocEntry *type, const TocEntry *function)
{
	Buffer literal;
	bool good = true;
	uint32_t i;

	buffer_init(&literal);
	buffer_append_string(&literal, "'::");
	quote_qualified(&literal, type->schema, type->tag);
	if (toc_entry_is(type, "DOMAIN"))
		buffer_append_char(&literal, '[');
	for (i = 0; good && i < live->plan->selection->toc.count; i++)
	{
		const TocEntry *entry = &live->plan->selection->toc.entries[i];

		if (entry->definition != NULL && selection_includes(live->plan->selection, entry) &&
			strstr(entry->definition, literal.data) != NULL)
			good = refuse(live, entry, function);
	}
	buffer_free(&literal);
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
				entry_rests_on(toc, entry, type))
				good = refuse(live, entry, function);
		}
	}
	return good;
}

/*
 * A function of others that is there, or that is restored and may call one
 * that is there: what it says is a string.  Does it run as soon as a
 * definition is restored?
 */
static bool
check_resting(LiveCode *live, const TocEntry *function)
{
	const ArchiveToc *toc = &live->plan->selection->toc;
	bool good = true;
	uint32_t i;

	for (i = 0; good && i < toc->count; i++)
	{
		const TocEntry *entry = &toc->entries[i];
		bool check = toc_entry_is(entry, "CHECK CONSTRAINT") && entry->definition != NULL &&
					 strstr(entry->definition, " NOT VALID") == NULL;
		bool cast = toc_entry_is(entry, "CAST");

		if (!(check || cast || toc_entry_is(entry, "TYPE") || toc_entry_is(entry, "DOMAIN")) ||
			!selection_includes(live->plan->selection, entry) ||
			!entry_rests_on(toc, entry, function))
			continue;
		if (check)
			good = refuse(live, entry, function);
		else
			good = cast ? check_cast(live, entry, function) : check_literals(live, entry, function);
	}
	return good;
}

static bool
check_function(LiveCode *live, const TocEntry *used)
{
	const char *params[2] = {used->schema, used->tag};
	PGresult *result = connection_query(live->connection, function_query, 2, params);
	bool good = result != NULL;

	if (good && PQntuples(result) > 0)
		good = check_definitions(live, used, NULL, NULL) && check_resting(live, used);
	PQclear(result);
	return good;
}

static bool
check_used(LiveCode *live)
{
	const Selection *selection = live->plan->selection;
	bool good = true;
	uint32_t i;

	for (i = 0; good && i < selection->toc.count; i++)
	{
		const TocEntry *entry = &selection->toc.entries[i];

		if (toc_entry_is(entry, "FUNCTION") && selection_includes(selection, entry) &&
			!is_superusers(live, entry))
			good = check_resting(live, entry);
		if (!good || selection_state(selection, entry->id) != ENTRY_EXISTING)
			continue;
		if (toc_entry_is(entry, "TYPE") || toc_entry_is(entry, "DOMAIN"))
			good = check_type(live, entry);
		else if (toc_entry_is(entry, "FUNCTION") || toc_entry_is(entry, "AGGREGATE"))
			good = check_function(live, entry);
		else if (toc_entry_is(entry, "OPERATOR") || toc_entry_is(entry, "CAST"))
			good = check_definitions(live, entry, NULL, "FK CONSTRAINT");
		else if (toc_entry_is(entry, "VIEW"))
			good = check_view(live, entry);
	}
	for (i = 0; good && i < selection->toc.count; i++)
	{
		const TocEntry *entry = &selection->toc.entries[i];

		if (selection->late[entry->id] && selection_includes(selection, entry))
			good = check_parent(live->connection, entry);
	}
	return good;
}

bool
live_code_check(const RestorePlan *plan, Connection *connection)
{
	LiveCode live = {plan, connection, NULL};
	bool at_stake;
	char *role;
	bool good;

	if (!row_rights_at_stake(plan->settings, connection, &at_stake))
		return false;
	if (!at_stake)
		return true;
	role = row_rights_suspend_role(connection);
	if (role == NULL)
		return false;
	live.superusers = connection_query(
		connection, "SELECT rolname FROM pg_catalog.pg_roles WHERE rolsuper", 0, NULL);
	good = live.superusers != NULL && check_used(&live);
	PQclear(live.superusers);
	if (good)
		return row_rights_resume_role(connection, role);
	free(role);
	return false;
}
