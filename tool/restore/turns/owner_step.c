/*-------------------------------------------------------------------------
 *
 * owner_step.c
 *	  Statements of entries in their owner's turn, and nothing beside them.
 *
 * What catalogs were changed meanwhile is compared with what the statements
 * change (definitions.c).
 *
 * A turn takes the server some milliseconds, mostly for what it is made of: a
 * table, an index and two functions.  So entries of one kind that one role
 * makes one after the other, in one schema, are made in one turn.  Nobody else
 * would have had one in between, and the statements run one by one.  What they
 * may change is the sum of what each may: these are limits of numbers, and
 * code that makes one thing more makes one more than all of them.
 *
 *-------------------------------------------------------------------------
 */
#include "owner_step.h"

#include <stdlib.h>
#include <string.h>

#include "author_kinds.h"
#include "log.h"
#include "memory.h"
#include "owner_turn.h"
#include "quote.h"
#include "row_copy.h"

#define RIGHTS_HINT                                                                                \
	"The owner does this, and lacks a privilege: grant it (GRANT USAGE ON SCHEMA ... TO ..., "     \
	"say; on a type, a function or a server that is used).  " ROWS_AS_SESSION_HINT

/*
 * Which entry failed?  The last line of the context that names our function is
 * ours, in any language: "… nex_backup_act() line 7 at EXECUTE".
 */
static const TocEntry *
failed_entry(const StepEntry *entries, uint32_t count, const PGresult *result)
{
	static const char act[] = "nex_backup_act() ";
	const char *at = result != NULL ? PQresultErrorField(result, PG_DIAG_CONTEXT) : NULL;
	const char *place = NULL;
	unsigned long line = 0;
	uint32_t i;

	while (at != NULL && (at = strstr(at, act)) != NULL)
		place = at += strlen(act);
	if (place != NULL)
		line = strtoul(place + strcspn(place, "0123456789\n"), NULL, 10);
	/* The first line is BEGIN. */
	for (i = count; i > 1; i--)
	{
		if (entries[i - 1].line + 2UL <= line)
			break;
	}
	return entries[i - 1].entry;
}

/* "could not restore TABLE s.t"; caller frees. */
static char *
failure(const StepEntry *entries, uint32_t count, const PGresult *result)
{
	char *label = toc_entry_label(failed_entry(entries, count, result));
	char *what = xasprintf("could not restore %s", label);

	free(label);
	return what;
}

/* Run what only defines. */
static bool
run(const StepEntry *entries, Connection *connection, const char *sql)
{
	PGresult *result = connection_exec(connection, sql);
	bool good = result != NULL && PQresultStatus(result) == PGRES_COMMAND_OK;

	if (!good)
	{
		char *what = failure(entries, 1, result);

		connection_report(connection, result, what);
		free(what);
	}
	PQclear(result);
	return good;
}

static bool
run_turn(const StepEntry *entries, uint32_t count, Connection *connection, const char *owner)
{
	bool late;
	PGresult *result = owner_turn_run(connection, &late);
	bool good = result != NULL && PQresultStatus(result) == PGRES_COMMAND_OK;

	if (!good)
	{
		const char *state = result != NULL ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : NULL;
		char *what = failure(entries, count, result);

		if (late)
			owner_turn_report_late(connection, owner, what);
		else if (state != NULL && strcmp(state, "42501") == 0)
			connection_report_hint(connection, result, what, RIGHTS_HINT);
		else
			connection_report(connection, result, what);
		free(what);
	}
	PQclear(result);
	return good;
}

/* The domain that the entry makes, quoted, or "". */
static void
append_domain(const TocEntry *entry, Buffer *type)
{
	buffer_append_string(type, "");
	if (toc_entry_is(entry, "DOMAIN"))
		quote_qualified(type, entry->schema, entry->tag);
}

/* "TABLE s.t was restored", for a message. */
static char *
describe(const StepEntry *entries, uint32_t count)
{
	char *label = toc_entry_label(entries[0].entry);
	char *what;

	if (count == 1)
		what = xasprintf("%s was restored", label);
	else
		what = xasprintf("%s and %u others of \"%s\" were restored", label, count - 1,
						 entries[0].entry->owner);
	free(label);
	return what;
}

/* Was no more changed than the entries may? */
static bool
check_changes(const StepEntry *entries, uint32_t count, Connection *connection, Definitions *before,
			  const CatalogChange *changes, const char *what)
{
	CatalogChange *all;
	long long columns = 0;
	uint32_t n = 0;
	uint32_t i;
	bool good;

	while (changes[n].catalog != NULL)
		n++;
	all = xcalloc((size_t) n + 1, sizeof(*all));
	for (i = 0; i < n; i++)
	{
		all[i] = changes[i];
		all[i].inserted *= count;
		if (all[i].others != CHANGES_OF_COLUMNS)
			all[i].others *= count;
	}
	for (i = 0; i < count; i++)
		columns += author_kind_column_changes(entries[i].entry);
	good = definitions_only(connection, before, all, columns, what);
	free(all);
	return good;
}

/*
 * Let the owner run statements, which change no definition but the tables' of
 * the entry, or (STEP_ENTRY) make no other `changes` than these.
 */
static bool
take_turn(const StepEntry *entries, uint32_t count, Connection *connection, DefinitionsStep step,
		  const CatalogChange *changes, const char *owner, const char *statements)
{
	char *body = xasprintf("BEGIN\n%s\nEND", statements);
	char *what = describe(entries, count);
	Definitions before = {step, NULL, NULL, ""};
	Buffer type;
	Buffer sql;
	bool good;

	buffer_init(&sql);
	buffer_init(&type);
	append_domain(entries[0].entry, &type);
	owner_turn_append(&sql, owner, body);
	good = run(entries, connection, sql.data) &&
		   (step == STEP_ENTRY ? definitions_read_entry(connection, type.data, &before)
							   : definitions_read(connection, step, &before));
	if (good && run_turn(entries, count, connection, owner))
		good = step == STEP_ENTRY
				   ? check_changes(entries, count, connection, &before, changes, what)
				   : definitions_same(connection, &before, what);
	else
	{
		definitions_free(&before);
		good = false;
	}
	good = good && run(entries, connection, OWNER_TURN_END);
	buffer_free(&sql);
	buffer_free(&type);
	free(what);
	free(body);
	return good;
}

bool
owner_step_run(Connection *connection, const TocEntry *entry, const char *owner, const char *first,
			   const char *then)
{
	StepEntry step = {entry, 0};

	return (first == NULL || run(&step, connection, first)) &&
		   (owner == NULL || take_turn(&step, 1, connection, STEP_ATTACH, NULL, owner, then));
}

bool
owner_step_make(Connection *connection, const StepEntry *entries, uint32_t count,
				const char *statements, const CatalogChange *changes)
{
	return take_turn(entries, count, connection, changes == NULL ? STEP_TABLE : STEP_ENTRY, changes,
					 entries[0].entry->owner, statements);
}
