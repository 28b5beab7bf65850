/*-------------------------------------------------------------------------
 *
 * authors.c
 *	  Definitions that would belong to another role than the one that wrote them.
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
 * A whole database is another matter (docs/security.md): it is restored only
 * by those who trust everybody who could create objects in it.
 *
 *-------------------------------------------------------------------------
 */
#include "authors.h"

#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "memory.h"
#include "row_copy.h"

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

bool
authors_check(const RestorePlan *plan, Connection *connection)
{
	const ArchiveToc *toc = &plan->selection->toc;
	bool good = true;
	uint32_t i;

	if (!plan->settings->no_owner || plan->settings->rows_as == ROWS_AS_SESSION)
		return true;
	for (i = 0; good && i < toc->count; i++)
	{
		bool others;

		if (!selection_includes(plan->selection, &toc->entries[i]) ||
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

	if (!plan->settings->no_owner || plan->settings->rows_as == ROWS_AS_SESSION || entry == NULL ||
		rights->as_owner || rights->code == NULL)
		return true;
	return is_of_others(connection, entry, &others) && (!others || refuse(entry, rights->code));
}
