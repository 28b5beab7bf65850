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
 * The choice of the part was made before the transaction.  This locks what was
 * there then and looks again: it must be the same object, and what was not
 * there must not have come.  Whose it is does not matter for that: the owner of
 * a schema may drop everything in it.  A lock on the row of a catalog keeps
 * others from dropping, renaming and moving the object.  An extension has no
 * entries for its objects, so it must be in the schema of the backup, where
 * only they can have their names, and may not be moved.
 *
 * The owner of a server can make it again over another foreign data wrapper,
 * by which the options of foreign tables mean something else: a program that is
 * run, say.  So the wrapper must be that of the backup.  A wrapper itself is
 * changed by superusers alone.
 *
 *-------------------------------------------------------------------------
 */
#include "live_owners.h"

#include <stdlib.h>
#include <string.h>

#include "chosen.h"
#include "log.h"
#include "memory.h"
#include "quote.h"
#include "row_copy.h"
#include "sql_build.h"
#include "sql_name.h"
#include "sql_text.h"

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

/* Those that one catalog has, as an array of oids; caller frees. */
static char *
oids_in(const Selection *selection, const bool *used, int catalog)
{
	const ArchiveToc *toc = &selection->toc;
	FoundObject found;
	Buffer oids;
	uint32_t i;

	buffer_init(&oids);
	buffer_append_char(&oids, '{');
	for (i = 0; i < toc->count; i++)
	{
		if (used[i] && existing_objects_is_in(&toc->entries[i], catalog) &&
			existing_objects_find(selection->existing, &toc->entries[i], &found))
			buffer_printf(&oids, "%s%s", oids.length > 1 ? "," : "", found.oid);
	}
	buffer_append_char(&oids, '}');
	return buffer_detach(&oids);
}

static bool
lock_used(const Selection *selection, Connection *connection, const bool *used)
{
	const char *catalog;
	bool good = true;
	int number;

	for (number = 0; good && (catalog = existing_objects_catalog(number)) != NULL; number++)
	{
		char *oids = oids_in(selection, used, number);
		const char *params[1] = {oids};
		PGresult *result = NULL;
		SqlText sql;

		sql_init(&sql);
		sql_append(&sql, "SELECT FROM ");
		sql_qualified(&sql, "pg_catalog", catalog);
		sql_append(&sql, " WHERE oid = ANY ($1::pg_catalog.oid[])");
		/* The schema of an extension is not in its key. */
		if (strcmp(catalog, "pg_extension") == 0)
			sql_append(&sql, " FOR SHARE");
		else
			sql_append(&sql, " FOR KEY SHARE");
		if (strcmp(oids, "{}") != 0)
		{
			result = connection_query(connection, &sql, 1, params);
			good = result != NULL;
		}
		PQclear(result);
		sql_free(&sql);
		free(oids);
	}
	return good;
}

static bool
check_kind(const TocEntry *entry, const char *other_kind)
{
	char *label;

	if (other_kind == NULL)
		return true;
	label = toc_entry_label(entry);
	report_error(EXIT_FAILED, "What is restored would use it.", NEW_DATABASE_HINT,
				 "%s is %s %s now", label, strchr("aeiou", other_kind[0]) != NULL ? "an" : "a",
				 other_kind);
	free(label);
	return false;
}

/* Schema public belongs to the owner of the database in all that PostgreSQL 15 makes. */
static bool
check_owner(const TocEntry *entry, const char *owner, const PGresult *superusers)
{
	char *label;

	if (owner[0] == '\0' || entry->owner[0] == '\0' || strcmp(owner, entry->owner) == 0 ||
		result_has(superusers, owner) || toc_entry_is_any(entry, ownerless) ||
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

/* "CREATE EXTENSION IF NOT EXISTS citext WITH SCHEMA app;" */
static bool
check_extension(const TocEntry *entry, const char *schema)
{
	static const char with[] = " WITH SCHEMA ";
	const char *place = strstr(entry->definition, with);
	char *name = NULL;
	char *label;
	bool good;

	if (!toc_entry_is(entry, "EXTENSION") || place == NULL ||
		sql_name_read(place + strlen(with), &name) == NULL)
		return true;
	good = strcmp(name, schema) == 0;
	if (!good)
	{
		label = toc_entry_label(entry);
		report_error(EXIT_FAILED, "What is restored names its objects there.",
					 "Move it back (ALTER EXTENSION ... SET SCHEMA), or restore into a new "
					 "database (--to=NEWDB).",
					 "%s is in schema \"%s\" now, and in the backup in \"%s\"", label, schema,
					 name);
		free(label);
	}
	free(name);
	return good;
}

/* "CREATE SERVER s TYPE 't' FOREIGN DATA WRAPPER w OPTIONS (": its wrapper, or NULL; caller frees.
 */
static char *
read_wrapper(const char *text)
{
	static const char *const words[] = {"FOREIGN", "DATA", "WRAPPER"};
	size_t found = 0;
	char *name = NULL;

	for (text = sql_skip_blank(text); *text != '\0' && found < 3;)
	{
		const char *end = sql_token_end(text);
		bool next = (size_t) (end - text) == strlen(words[found]) &&
					strncmp(text, words[found], strlen(words[found])) == 0;

		found = next ? found + 1 : 0;
		text = sql_skip_blank(end);
	}
	if (found < 3 || sql_name_read(text, &name) == NULL)
		return NULL;
	return name;
}

static bool
check_wrapper(Connection *connection, const TocEntry *entry, const char *oid)
{
	PGresult *result;
	char *wrapper;
	char *label;
	bool good;

	if (!toc_entry_is(entry, "SERVER"))
		return true;
	result = connection_query(connection,
							  "SELECT w.fdwname FROM pg_catalog.pg_foreign_server s"
							  " JOIN pg_catalog.pg_foreign_data_wrapper w ON w.oid = s.srvfdw"
							  " WHERE s.oid = $1::pg_catalog.oid",
							  1, &oid);
	if (result == NULL)
		return false;
	wrapper = read_wrapper(entry->definition);
	good =
		PQntuples(result) == 1 && wrapper != NULL && strcmp(wrapper, PQgetvalue(result, 0, 0)) == 0;
	if (!good)
	{
		label = toc_entry_label(entry);
		report_error(EXIT_FAILED, "The options of what is restored would mean something else.",
					 NEW_DATABASE_HINT,
					 "%s has foreign data wrapper \"%s\" now, and in the backup \"%s\"", label,
					 PQntuples(result) == 1 ? PQgetvalue(result, 0, 0) : "",
					 wrapper != NULL ? wrapper : "");
		free(label);
	}
	free(wrapper);
	PQclear(result);
	return good;
}

/* Is it the object that was there when the part was chosen, or still none? */
static bool
check_same(const TocEntry *entry, const FoundObject *before, const FoundObject *now)
{
	char *label;

	if (strcmp(before->oid, now->oid) == 0)
		return true;
	label = toc_entry_label(entry);
	report_error(EXIT_FAILED, "What is restored would use it.", "Try again.",
				 "%s was %s by others meanwhile", label,
				 before->oid[0] == '\0' ? "created"
				 : now->oid[0] == '\0'  ? "dropped"
										: "replaced");
	free(label);
	return false;
}

static bool
check_entry(const Selection *selection, Connection *connection, const ExistingObjects *existing,
			const TocEntry *entry, const PGresult *superusers)
{
	FoundObject before;
	FoundObject now;
	bool there;

	existing_objects_find(selection->existing, entry, &before);
	there = existing_objects_find(existing, entry, &now);
	return check_same(entry, &before, &now) &&
		   (!there ||
			(check_kind(entry, now.other_kind) && check_owner(entry, now.owner, superusers) &&
			 check_extension(entry, now.schema) && check_wrapper(connection, entry, now.oid)));
}

bool
live_owners_check(const RestorePlan *plan, Connection *connection, const PGresult *superusers,
				  bool locks)
{
	const Selection *selection = plan->selection;
	bool *used = find_used(selection);
	ExistingObjects *existing = NULL;
	bool good = !locks || lock_used(selection, connection, used);
	uint32_t i;

	if (good)
		existing = existing_objects_read(connection);
	good = existing != NULL;
	for (i = 0; good && i < selection->toc.count; i++)
		good = !used[i] ||
			   check_entry(selection, connection, existing, &selection->toc.entries[i], superusers);
	existing_objects_free(existing);
	free(used);
	return good;
}
