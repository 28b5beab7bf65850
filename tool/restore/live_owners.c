/*-------------------------------------------------------------------------
 *
 * live_owners.c
 *	  Is what a part of a backup uses as it is still what it was?
 *
 * A part takes what it needs from the database where it is there already: the
 * parent of a partition, the table of a foreign key, a schema, a view, a
 * function.  Only its name says that it is the same.  If somebody has made
 * another one under that name after the old one was dropped, the rows of a
 * partition would be theirs to read, deletions in their table would cascade to
 * ours, and their view would be read instead of a table.  So the kind and the
 * owner must be those of the backup.  A superuser, or whoever restores, may own
 * it instead.
 *
 * The choice of the part was made before the transaction; this looks again
 * under the locks.
 *
 *-------------------------------------------------------------------------
 */
#include "live_owners.h"

#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "memory.h"
#include "quote.h"
#include "row_copy.h"

/* Nobody can drop them, and so put others in their place; names of schemas are held already. */
static const char lock_query[] =
	"SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
	" JOIN ROWS FROM (pg_catalog.unnest($1::pg_catalog.text[]), pg_catalog.unnest("
	"  $2::pg_catalog.text[])) u (schema, name)"
	" ON u.schema = n.nspname::pg_catalog.text AND u.name = c.relname::pg_catalog.text"
	" FOR KEY SHARE OF c";

/* Extensions and languages have no owner in an archive. */
static const char *const ownerless[] = {"EXTENSION", "PROCEDURAL LANGUAGE", NULL};

/* What is used as it is, by place: needed, or spoken of by what is restored. */
static bool *
find_used(const Selection *selection)
{
	const ArchiveToc *toc = &selection->toc;
	bool *used = xcalloc((size_t) toc->count + 1, sizeof(bool));
	uint32_t i;
	int d;

	for (i = 0; i < toc->count; i++)
	{
		const TocEntry *entry = &toc->entries[i];

		if (selection_state(selection, entry->id) == ENTRY_EXISTING)
			used[i] = true;
		if (!selection_includes(selection, entry))
			continue;
		for (d = 0; d < entry->ndepends_on; d++)
		{
			const TocEntry *other = archive_toc_find(toc, entry->depends_on[d]);

			if (other != NULL && !selection_includes(selection, other) && !selection->renames)
				used[other->place] = true;
		}
	}
	return used;
}

static bool
lock_relations(const Selection *selection, Connection *connection, const bool *used)
{
	const ArchiveToc *toc = &selection->toc;
	const char *params[2];
	PGresult *result;
	Buffer schemas;
	Buffer names;
	uint32_t i;

	buffer_init(&schemas);
	buffer_init(&names);
	buffer_append_char(&schemas, '{');
	buffer_append_char(&names, '{');
	for (i = 0; i < toc->count; i++)
	{
		if (!used[i] || !toc_entry_is_relation(&toc->entries[i]))
			continue;
		quote_array_item(&schemas, toc->entries[i].schema);
		quote_array_item(&names, toc->entries[i].tag);
	}
	buffer_append_char(&schemas, '}');
	buffer_append_char(&names, '}');
	params[0] = schemas.data;
	params[1] = names.data;
	result = connection_query(connection, lock_query, 2, params);
	buffer_free(&schemas);
	buffer_free(&names);
	PQclear(result);
	return result != NULL;
}

static bool
is_one_of(const PGresult *names, const char *name)
{
	int i;

	for (i = 0; i < PQntuples(names); i++)
	{
		if (strcmp(PQgetvalue(names, i, 0), name) == 0)
			return true;
	}
	return false;
}

static bool
check_kind(const TocEntry *entry, const char *other_kind)
{
	char *label;

	if (other_kind == NULL)
		return true;
	label = toc_entry_label(entry);
	report_error(EXIT_FAILED, "What is restored would use it.", NEW_DATABASE_HINT, "%s is a %s now",
				 label, other_kind);
	free(label);
	return false;
}

/* Schema public belongs to the owner of the database in all that PostgreSQL 15 makes. */
static bool
check_owner(const TocEntry *entry, const char *owner, const PGresult *superusers)
{
	char *label;

	if (owner[0] == '\0' || entry->owner[0] == '\0' || strcmp(owner, entry->owner) == 0 ||
		is_one_of(superusers, owner) || toc_entry_is_any(entry, ownerless) ||
		(toc_entry_is(entry, "SCHEMA") && strcmp(owner, "pg_database_owner") == 0))
		return true;
	label = toc_entry_label(entry);
	report_error(EXIT_FAILED,
				 "What is restored would use it, so that its owner could see or change it.",
				 OTHER_OWNER_HINT, "%s belongs to \"%s\" now, and in the backup to \"%s\"", label,
				 owner, entry->owner);
	free(label);
	return false;
}

bool
live_owners_check(const RestorePlan *plan, Connection *connection, const PGresult *superusers,
				  bool locks)
{
	const Selection *selection = plan->selection;
	bool *used = find_used(selection);
	ExistingObjects *existing = NULL;
	bool good = !locks || lock_relations(selection, connection, used);
	uint32_t i;

	if (good)
		existing = existing_objects_read(connection);
	good = existing != NULL;
	for (i = 0; good && i < selection->toc.count; i++)
	{
		const TocEntry *entry = &selection->toc.entries[i];
		const char *other_kind;
		const char *owner;

		if (used[i] && existing_objects_find(existing, entry, &owner, &other_kind))
			good = check_kind(entry, other_kind) && check_owner(entry, owner, superusers);
	}
	existing_objects_free(existing);
	free(used);
	return good;
}
