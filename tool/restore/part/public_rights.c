/*-------------------------------------------------------------------------
 *
 * public_rights.c
 *	  What PUBLIC could not use in the backup, restored without privileges.
 *
 * With --no-privileges nothing is granted.  But a new function can be executed
 * by PUBLIC, and a type or a language used: without its privileges, a function
 * that is protected by nothing else would be open, and in a schema that was
 * there before, to roles that have USAGE of it.  Nobody can take that back in
 * time, because code of others runs in the very transaction of the restore
 * (author_turn.c).
 *
 * So what the backup takes from PUBLIC is taken, and nothing else of the
 * object's privileges is restored: it is its owner's alone, and the report says
 * so.  Default privileges of the live database do not count for it.
 *
 *-------------------------------------------------------------------------
 */
#include "public_rights.h"

#include <stdlib.h>
#include <string.h>

#include "default_grants.h"
#include "in_place_scripts.h"
#include "known_statements.h"
#include "member_grants.h"
#include "memory.h"
#include "sql_text.h"

#define FAILURE "could not take privileges from PUBLIC"

static bool
is_word(const char *text, const char *end, const char *word)
{
	return (size_t) (end - text) == strlen(word) && strncmp(text, word, strlen(word)) == 0;
}

/* "REVOKE … FROM PUBLIC;", as pg_dump writes it; a role cannot be called so without quotes. */
static bool
takes_from_public(const char *text)
{
	const char *end = sql_token_end(text);
	bool revokes = is_word(text, end, "REVOKE");
	bool from = false;
	bool of_public = false;

	for (text = sql_skip_blank(end); *text != '\0' && *text != ';'; text = sql_skip_blank(end))
	{
		end = sql_token_end(text);
		of_public = from && is_word(text, end, "PUBLIC");
		from = is_word(text, end, "FROM");
	}
	return revokes && of_public;
}

/* Run those statements of the entry; were there any? */
static bool
run_revokes(Connection *connection, const RenameMap *map, const TocEntry *grants, bool *any)
{
	const char *at = grants->definition != NULL ? grants->definition : "";
	const char *start;
	const char *end;
	bool good = true;

	while (good && known_statements_next(&at, &start, &end))
	{
		char *statement = xasprintf("%.*s\n", (int) (end - start), start);

		if (takes_from_public(statement))
		{
			*any = true;
			good = in_place_run_text(connection, map, statement, FAILURE);
		}
		free(statement);
	}
	return good;
}

/* What the privileges are of, or NULL: an object of an extension has no entry. */
static const TocEntry *
find_object(const ArchiveToc *toc, const TocEntry *grants)
{
	int d;

	for (d = 0; d < grants->ndepends_on; d++)
	{
		const TocEntry *other = archive_toc_find(toc, grants->depends_on[d]);

		if (other != NULL && !toc_entry_is(other, "ACL"))
			return other;
	}
	return NULL;
}

/* "grants on FUNCTION s.f(integer) (…)" */
static void
report(Selection *selection, const TocEntry *grants, const TocEntry *object)
{
	char *label = object != NULL ? toc_entry_label(object) : xstrdup(grants->tag);

	lines_add(&selection->left_out, xasprintf("grants on %s (PUBLIC cannot use it in the backup; "
											  "only its owner can use it now)",
											  label));
	free(label);
}

bool
public_rights_take(const RestorePlan *plan, Connection *connection, const RenameMap *map,
				   const TocEntry *grants)
{
	const TocEntry *object = find_object(&plan->selection->toc, grants);
	bool any = false;

	if (!run_revokes(connection, map, grants, &any))
		return false;
	if (!any)
		return true;
	report(plan->selection, grants, object);
	/* Default privileges may have given it to others, and to PUBLIC, which that gives back. */
	return object == NULL || (default_grants_reset(connection, map, object) &&
							  run_revokes(connection, map, grants, &any));
}

bool
public_rights_take_members(const RestorePlan *plan, Connection *connection, const RenameMap *map)
{
	const ArchiveToc *toc = &plan->selection->toc;
	int *ids = xcalloc((size_t) toc->count + 1, sizeof(int));
	uint32_t count;
	bool good = member_grants_find(plan, connection, ids, &count);
	uint32_t i;

	for (i = 0; good && i < count; i++)
		good = public_rights_take(plan, connection, map, archive_toc_find(toc, ids[i]));
	free(ids);
	return good;
}
