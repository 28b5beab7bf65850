/*-------------------------------------------------------------------------
 *
 * authors.c
 *	  Definitions that would run with the rights of another role than the one
 *	  that wrote them.
 *
 * With --no-owner, what a part brings belongs to the role of the session,
 * mostly a superuser.  Whatever runs with the rights of its owner then runs
 * with these, whoever wrote it: the query of a view or a materialized view, a
 * SECURITY DEFINER function, a CHECK constraint while rows come.  Who owns it
 * in the live database says nothing any more; who owned it in the backup does.
 *
 * So of other roles than superusers and the session's, only such entries are
 * restored that hold data, or restrict it: tables, their keys and indexes,
 * sequences, types.  A table whose rows would run anything but harmless
 * functions of PostgreSQL is refused when its rows come.
 *
 * Not everything of a table was written by its owner, whatever the options.  A
 * partition comes as a table with the CHECK constraints of its root in its own
 * text, and a table takes over those of what it inherits: of these, the owners
 * in the backup count.  And statistics can belong to a former owner of the
 * table; their expressions are computed by ANALYZE as the owner that it has.
 *
 * A whole database is another matter (docs/security.md): it is restored only
 * by those who trust everybody who could create objects in it.
 *
 *-------------------------------------------------------------------------
 */
#include "authors.h"

#include <stdlib.h>
#include <string.h>

#include "chosen.h"
#include "log.h"
#include "memory.h"
#include "owner_settings.h"
#include "row_copy.h"
#include "settings.h"
#include "turn_settings.h"

/* Entries that run nothing by themselves as their owner. */
static const char *const harmless[] = {"TABLE",       "TABLE DATA",        "TABLE ATTACH",
									   "SEQUENCE",    "SEQUENCE OWNED BY", "SEQUENCE SET",
									   "DEFAULT",     "CONSTRAINT",        "FK CONSTRAINT",
									   "INDEX",       "INDEX ATTACH",      "STATISTICS",
									   "TYPE",        "SHELL TYPE",        "SCHEMA",
									   "COMMENT",     "SECURITY LABEL",    "ACL",
									   "DEFAULT ACL", "COLLATION",         NULL};

static const char role_query[] = "SELECT FROM pg_catalog.pg_roles r"
								 " WHERE r.rolname = $1::pg_catalog.name AND " ROW_ROLE_IS_TRUSTED;

/* Entries of nobody (extensions, casts) can be made by superusers only, or have no rights. */
static bool
is_of_others(Connection *connection, const TocEntry *entry, bool *others)
{
	PGresult *result;

	*others = false;
	if (entry->owner[0] == '\0')
		return true;
	result = connection_query(connection, role_query, 1, (const char *const *) &entry->owner);
	*others = result != NULL && PQntuples(result) == 0;
	PQclear(result);
	return result != NULL;
}

/* What find_parents() looks for. */
typedef struct Parents
{
	const RestorePlan *plan;
	Connection *connection;
	const char *role;      /* whose rights are used; NULL: those of the session */
	const char *owner;     /* of the table in the backup: no other role */
	const TocEntry *found; /* a table above it of somebody else */
} Parents;

static bool find_parents(Parents *parents, const TocEntry *entry);

/* Of a list of dependencies, the tables, and those above them. */
static bool
find_among(Parents *parents, const TocEntry *entry, const TocEntry *from)
{
	bool good = true;
	int d;

	for (d = 0; good && parents->found == NULL && d < from->ndepends_on; d++)
	{
		const TocEntry *parent =
			archive_toc_find(&parents->plan->selection->toc, from->depends_on[d]);
		bool others;

		/* A partition may have any place, but what it is attached to comes before that. */
		if (parent == NULL || parent == entry || !toc_entry_is_table(parent) ||
			(from == entry && parent->place >= entry->place))
			continue;
		good = is_of_others(parents->connection, parent, &others);
		if (good && others && strcmp(parent->owner, parents->owner) != 0 &&
			(parents->role == NULL || strcmp(parent->owner, parents->role) != 0))
			parents->found = parent;
		else if (good)
			good = find_parents(parents, parent);
	}
	return good;
}

static bool
find_parents(Parents *parents, const TocEntry *entry)
{
	const Selection *selection = parents->plan->selection;
	bool good = true;
	int i;

	if (entry->definition != NULL && strstr(entry->definition, "\nINHERITS (") != NULL)
		good = find_among(parents, entry, entry);
	for (i = selection->starts[entry->place]; good && i < selection->starts[entry->place + 1]; i++)
	{
		const TocEntry *attach = archive_toc_find(&selection->toc, selection->dependents[i]);

		if (attach != NULL && toc_entry_is(attach, "TABLE ATTACH") &&
			strcmp(attach->tag, entry->tag) == 0 && strcmp(attach->schema, entry->schema) == 0)
			good = find_among(parents, entry, attach);
	}
	return good;
}

bool
authors_check_parents(const RestorePlan *plan, Connection *connection, const TocEntry *entry,
					  const char *role, const char *what)
{
	Parents parents = {plan, connection, role, entry->owner, NULL};
	char *detail;
	char *label;

	if (!find_parents(&parents, entry))
		return false;
	if (parents.found == NULL)
		return true;
	label = toc_entry_label(entry);
	detail = xasprintf("It would run %s, which may come from table %s.%s of \"%s\".", what,
					   parents.found->schema, parents.found->tag, parents.found->owner);
	report_error(EXIT_FAILED, detail, NEW_DATABASE_HINT,
				 "could not restore %s without running code of others", label);
	free(detail);
	free(label);
	return false;
}

static bool
refuse(const TocEntry *entry, const char *what)
{
	char *label = toc_entry_label(entry);
	char *detail = xasprintf("\"%s\" wrote it, and with --no-owner it would belong to the role of "
							 "the session%s%s.",
							 entry->owner, what[0] != '\0' ? ", which would run " : "", what);

	report_error(EXIT_FAILED, detail, NEW_DATABASE_HINT,
				 "could not restore %s without giving its author the rights of the session", label);
	free(detail);
	free(label);
	return false;
}

static bool
refuse_statistics(const TocEntry *entry, const TocEntry *table)
{
	char *label = toc_entry_label(entry);
	char *detail = xasprintf("\"%s\" wrote it, and it would be computed as the owner of %s.%s.",
							 entry->owner, table->schema, table->tag);

	report_error(EXIT_FAILED, detail, NEW_DATABASE_HINT,
				 "could not restore %s without running code of others", label);
	free(detail);
	free(label);
	return false;
}

/* Statistics of columns alone have no expressions, and no parentheses around them. */
static bool
check_statistics(const RestorePlan *plan, Connection *connection, const TocEntry *entry)
{
	const ArchiveToc *toc = &plan->selection->toc;
	const char *list = strstr(entry->definition, " ON ");
	bool others;
	int d;

	if (list == NULL || strchr(list, '(') == NULL)
		return true;
	if (!is_of_others(connection, entry, &others))
		return false;
	for (d = 0; others && d < entry->ndepends_on; d++)
	{
		const TocEntry *table = archive_toc_find(toc, entry->depends_on[d]);

		if (table != NULL && toc_entry_is_relation(table) &&
			(plan->settings->owners->no_owner || strcmp(table->owner, entry->owner) != 0))
			return refuse_statistics(entry, table);
	}
	return true;
}

bool
authors_check(const RestorePlan *plan, Connection *connection)
{
	const ArchiveToc *toc = &plan->selection->toc;
	bool good = true;
	uint32_t i;

	if (plan->settings->turns->rows_as == ROWS_AS_SESSION)
		return true;
	for (i = 0; good && i < toc->count; i++)
	{
		bool others;

		if (!selection_includes(plan->selection, &toc->entries[i]))
			continue;
		if (toc_entry_is(&toc->entries[i], "STATISTICS"))
			good = check_statistics(plan, connection, &toc->entries[i]);
		if (!good || !plan->settings->owners->no_owner ||
			toc_entry_is_any(&toc->entries[i], harmless))
			continue;
		good = is_of_others(connection, &toc->entries[i], &others) &&
			   (!others || refuse(&toc->entries[i], ""));
	}
	return good;
}

bool
authors_check_rows(const RestorePlan *plan, Connection *connection, const TocEntry *entry,
				   const RowRights *rights)
{
	bool others;

	if (plan->settings->turns->rows_as == ROWS_AS_SESSION || entry == NULL || rights->code == NULL)
		return true;
	if (!authors_check_parents(plan, connection, entry, rights->as_owner ? rights->owner : NULL,
							   rights->code))
		return false;
	if (!plan->settings->owners->no_owner || rights->as_owner)
		return true;
	return is_of_others(connection, entry, &others) && (!others || refuse(entry, rights->code));
}
