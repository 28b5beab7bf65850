/*-------------------------------------------------------------------------
 *
 * author_turn.c
 *	  Entries of a part that the role which wrote them makes.
 *
 * The archive says who owns an object.  Where that is not a superuser, nor the
 * role of the session, an entry with an expression, a type or a literal
 * (author_kinds.c) is made in the owner's turn (owner_turn.c): parsing it can
 * run code, which then runs with the rights of the role that wrote the entry,
 * and may change no definition but the entry's own (definitions.c).
 *
 * The role may lack rights that it had when it made the object, or that a
 * superuser needed none for.  It is given CREATE on the schema of the entry and
 * on its tablespace, which open nothing that is there.  It has these within our
 * transaction, around this statement alone, and may not use them for what it
 * has there or elsewhere (given_rights.c).  It is not given USAGE of a schema,
 * with which its code could call whatever functions are protected by that
 * alone; schemas of the same part have the grants of the backup by then
 * (rights_meanwhile.c).
 *
 * With --no-owner everything belongs to the session, and authors.c refuses
 * what others wrote; with --rows-as=session the session is to do it.
 *
 *-------------------------------------------------------------------------
 */
#include "author_turn.h"

#include <stdlib.h>
#include <string.h>

#include "author_kinds.h"
#include "in_place_scripts.h"
#include "known_statements.h"
#include "log.h"
#include "memory.h"
#include "owner_settings.h"
#include "part_scripts.h"
#include "row_copy.h"
#include "session_rights.h"
#include "settings.h"
#include "sql_build.h"
#include "turn_settings.h"

static const char trusted_query[] = "SELECT FROM pg_catalog.pg_roles r"
									" WHERE r.rolname = $1::pg_catalog.name"
									" AND " ROW_ROLE_IS_TRUSTED;

static bool
is_at_stake(const RestorePlan *plan)
{
	return plan->fate == TARGET_LIVE && plan->settings->turns->rows_as != ROWS_AS_SESSION &&
		   !plan->settings->owners->no_owner;
}

static bool
is_trusted(Connection *connection, const char *role, bool *trusted)
{
	PGresult *result = connection_query(connection, trusted_query, 1, &role);

	*trusted = result != NULL && PQntuples(result) > 0;
	PQclear(result);
	return result != NULL;
}

static bool
refuse_kind(const TocEntry *entry)
{
	char *label = toc_entry_label(entry);

	report_error(EXIT_FAILED, "It is not known what the server computes for it.", NEW_DATABASE_HINT,
				 "could not restore %s without running code of the live database", label);
	free(label);
	return false;
}

bool
author_turns_check(const RestorePlan *plan, Connection *connection)
{
	const ArchiveToc *toc = &plan->selection->toc;
	bool trusted = true;
	bool good = true;
	uint32_t i;

	for (i = 0; good && is_at_stake(plan) && i < toc->count; i++)
	{
		const TocEntry *entry = &toc->entries[i];

		if (!selection_includes(plan->selection, entry) || author_kind_is_known(entry))
			continue;
		good = is_trusted(connection, entry->owner, &trusted) && (trusted || refuse_kind(entry));
	}
	return good;
}

bool
author_turn_may_need(const RestorePlan *plan, const TocEntry *entry)
{
	return is_at_stake(plan) && entry->owner[0] != '\0' &&
		   author_kind_changes(&plan->selection->toc, entry) != NULL;
}

bool
author_turn_decide(const RestorePlan *plan, Connection *connection, const TocEntry *entry,
				   bool *author)
{
	bool trusted;

	*author = false;
	if (toc_entry_is_table(entry) || !author_turn_may_need(plan, entry))
		return true;
	if (!is_trusted(connection, entry->owner, &trusted))
		return false;
	*author = !trusted;
	return true;
}

/* ---- rights ---- */

/* The schema in which it makes something: with --as, that of the table's new name. */
const char *
author_turn_schema(const RenameMap *map, const TocEntry *entry)
{
	bool belongs = known_statements_apply(entry) && !toc_entry_is_relation(entry);
	uint32_t i;

	for (i = 0; i < map->count; i++)
	{
		if (map->items[i].entry == entry ||
			(belongs && strcmp(map->items[i].entry->schema, entry->schema) == 0))
			return map->items[i].schema;
	}
	return entry->schema;
}

/* ---- statements ---- */

const EntryScript *
author_turn_statements(const RestorePlan *plan, Connection *connection, const RenameMap *map,
					   const TocEntry *entry, Buffer *statements)
{
	const EntryScript *script = part_script(plan, connection, entry);
	SqlText *body = sql_in(statements);
	char *text;

	if (script == NULL)
		return NULL;
	text = rename_text(map, script->text);
	if (in_place_doubles_backslashes(plan->progress->scripts->head))
		sql_append(body, "PERFORM pg_catalog.set_config('standard_conforming_strings',"
						 " 'off', true);\n");
	sql_append(body, "EXECUTE ");
	sql_literal(body, text);
	sql_append(body, ";");
	free(text);
	return script;
}
