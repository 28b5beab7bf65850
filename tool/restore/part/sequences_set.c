/*-------------------------------------------------------------------------
 *
 * sequences_set.c
 *	  Giving sequences their values.
 *
 * A sequence in use must never go backward, not even if somebody draws from
 * it at this moment.  setval() does not wait for nextval(), but ALTER
 * SEQUENCE does: it locks the sequence until the transaction ends.  So an
 * ALTER that changes nothing goes first where the role may do that.
 *
 * The value that it has is read by its name.  A session that is not a
 * superuser's cannot keep the owner of the schema from putting a view there;
 * so it reads what belongs to others in the turn of their owner, or not at all.
 *
 *-------------------------------------------------------------------------
 */
#include "sequences_set.h"

#include <stdlib.h>
#include <string.h>

#include "extension_rows.h"
#include "log.h"
#include "memory.h"
#include "owner_turn.h"
#include "quote.h"
#include "row_owners.h"
#include "sequence_values.h"
#include "session_rights.h"
#include "settings.h"
#include "sql_build.h"
#include "turn_settings.h"

/* The entry of a sequence in the backup; NULL if it has none (that of an extension). */
static const TocEntry *
find_entry(const Selection *selection, const SequenceValue *value)
{
	uint32_t i;

	for (i = 0; i < selection->toc.count; i++)
	{
		const TocEntry *entry = &selection->toc.entries[i];

		if (toc_entry_is(entry, "SEQUENCE") && strcmp(entry->tag, value->name) == 0 &&
			strcmp(entry->schema, value->schema) == 0)
			return entry;
	}
	return NULL;
}

/* Is it one of those that come with rows of extensions, which no entry tells? */
static bool
is_of_rows(const RestorePlan *plan, const PGresult *members, const SequenceValue *value)
{
	return plan->selection->everything ||
		   extension_rows_has_sequence(plan, members, value->schema, value->name);
}

static void
append_setval(Buffer *sql, const char *schema, const char *name, const SequenceValue *value)
{
	Buffer qualified;

	buffer_init(&qualified);
	quote_qualified(&qualified, schema, name);
	buffer_append_string(sql, "SELECT pg_catalog.setval(");
	quote_literal(sql, qualified.data);
	buffer_printf(sql, ", %s, %s)", value->value, value->called ? "true" : "false");
	buffer_free(&qualified);
}

bool
sequences_set(const RestorePlan *plan, Connection *connection, const RenameMap *map)
{
	SequenceValues values;
	PGresult *members = extension_rows_members(connection);
	bool good = sequence_values_load(plan->settings, plan->repository, plan->manifest, &values) &&
				members != NULL;
	Buffer sql;
	uint32_t i;

	buffer_init(&sql);
	buffer_append_string(&sql, "");
	for (i = 0; good && i < values.count; i++)
	{
		const SequenceValue *value = &values.items[i];
		const TocEntry *entry = find_entry(plan->selection, value);
		const Renamed *renamed = map != NULL ? rename_find(map, value->schema, value->name) : NULL;

		if (entry != NULL ? !selection_includes(plan->selection, entry)
						  : !is_of_rows(plan, members, value))
			continue;
		append_setval(&sql, renamed != NULL ? renamed->schema : value->schema,
					  renamed != NULL ? renamed->name : value->name, value);
		buffer_append_string(&sql, ";\n");
	}
	if (good && sql.length > 0)
		good = connection_command(connection, sql.data);
	buffer_free(&sql);
	PQclear(members);
	sequence_values_free(&values);
	return good;
}

static const char look_query[] =
	"SELECT s.seqincrement, pg_catalog.pg_has_role(c.relowner, 'USAGE'),"
	" $3::pg_catalog.int8 BETWEEN s.seqmin AND s.seqmax, c.oid"
	" FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
	" JOIN pg_catalog.pg_sequence s ON s.seqrelid = c.oid"
	" WHERE n.nspname = $1::pg_catalog.name AND c.relname = $2::pg_catalog.name";

/* Until the end of the transaction; a view in its place would be an error. */
static bool
lock_sequence(const RestorePlan *plan, Connection *connection, const char *name,
			  const char *increment, bool may_lock)
{
	bool at_stake;
	char *role;

	if (may_lock)
		return connection_commandf(connection, "ALTER SEQUENCE %s INCREMENT BY %s", name,
								   increment);
	if (!session_rights_at_stake(plan->settings, connection, &at_stake))
		return false;
	if (!at_stake)
		return true;
	role = session_rights_suspend_role(connection);
	if (role == NULL)
		return false;
	if (connection_commandf(connection, "ALTER SEQUENCE %s INCREMENT BY %s", name, increment))
		return session_rights_resume_role(connection, role);
	free(role);
	return false;
}

/*
 * A lock that every reader gets: this function opens the sequence by oid, and
 * keeps it locked against a new name until the end of the transaction.  Who
 * was faster has put something else in its place by now.
 */
static bool
hold_name(Connection *connection, const char *name, const char *oid)
{
	const char *params[2] = {oid, name};
	PGresult *result = connection_query(
		connection, "SELECT pg_catalog.pg_sequence_last_value($1::pg_catalog.oid)", 1, params);
	bool good = result != NULL;

	PQclear(result);
	if (!good)
		return false;
	result = connection_query(
		connection, "SELECT pg_catalog.to_regclass($2::pg_catalog.text) = $1::pg_catalog.oid", 2,
		params);
	good = result != NULL;
	if (good && PQgetvalue(result, 0, 0)[0] != 't')
		good = report_error(EXIT_FAILED, NULL, "Try again.",
							"sequence %s was replaced by another relation", name);
	PQclear(result);
	return good;
}

/* Set the sequence if it is behind, by SELECT or PERFORM. */
static void
append_advance(Buffer *buffer, const SequenceValue *value, const char *increment)
{
	SqlText *sql = sql_in(buffer);

	sql_append(sql, "pg_catalog.setval(");
	sql_qualified_literal(sql, value->schema, value->name);
	sql_append(sql, ", ");
	sql_checked_number(sql, value->value);
	if (value->called)
		sql_append(sql, ", true) FROM ");
	else
		sql_append(sql, ", false) FROM ");
	sql_qualified(sql, value->schema, value->name);
	if (increment[0] == '-')
		sql_append(sql, " WHERE last_value OPERATOR(pg_catalog.>) ");
	else
		sql_append(sql, " WHERE last_value OPERATOR(pg_catalog.<) ");
	sql_checked_number(sql, value->value);
	if (value->called)
	{
		sql_append(sql, " OR (last_value OPERATOR(pg_catalog.=) ");
		sql_checked_number(sql, value->value);
		sql_append(sql, " AND NOT is_called)");
	}
}

static bool
set_as_session(Connection *connection, const SequenceValue *value, const char *increment)
{
	Buffer sql;
	bool good;

	buffer_init(&sql);
	sql_append(sql_in(&sql), "SELECT ");
	append_advance(&sql, value, increment);
	good = connection_command(connection, sql_in(&sql));
	buffer_free(&sql);
	return good;
}

/* Run the turn; no code of the owner's is in it. */
static bool
run_turn(Connection *connection, const char *owner)
{
	bool late;
	PGresult *result = owner_turn_run(connection, &late);
	bool good = result != NULL && PQresultStatus(result) == PGRES_COMMAND_OK;

	if (late)
		owner_turn_report_late(connection, owner, "could not set a sequence");
	else if (!good)
		connection_report(connection, result, "could not set a sequence");
	PQclear(result);
	return good;
}

/* The same as the owner, a role that the session is a member of. */
static bool
set_as_owner(Connection *connection, const SequenceValue *value, const char *increment,
			 const char *owner)
{
	Buffer body;
	Buffer sql;
	bool good;

	buffer_init(&body);
	buffer_init(&sql);
	sql_append(sql_in(&body), "BEGIN PERFORM ");
	append_advance(&body, value, increment);
	sql_append(sql_in(&body), "; END");
	owner_turn_append(&sql, owner, body.data);
	good = connection_command(connection, sql_in(&sql)) && run_turn(connection, owner) &&
		   connection_command(connection, SQL(OWNER_TURN_END));
	buffer_free(&body);
	buffer_free(&sql);
	return good;
}

/* Whose rights are right? */
static bool
decide(const RestorePlan *plan, Connection *connection, const char *oid, RowOwners *answer,
	   char **owner)
{
	bool at_stake;

	*answer = ROW_OWNERS_SESSION;
	*owner = NULL;
	return plan->settings->turns->rows_as == ROWS_AS_SESSION ||
		   (session_rights_at_stake(plan->settings, connection, &at_stake) &&
			(at_stake || row_owners_ask(connection, oid, answer, owner)));
}

/* Lock it if possible, then set it if it is behind. */
static bool
advance(const RestorePlan *plan, Connection *connection, const SequenceValue *value,
		const char *increment, bool may_lock, const char *oid)
{
	RowOwners answer;
	char *owner;
	Buffer name;
	bool good;

	buffer_init(&name);
	quote_qualified(&name, value->schema, value->name);
	good = decide(plan, connection, oid, &answer, &owner);
	if (good && answer == ROW_OWNERS_NOBODY)
		lines_add(&plan->selection->left_out,
				  xasprintf("value of SEQUENCE %s.%s (others could put something else there)",
							value->schema, value->name));
	else
		good = good && lock_sequence(plan, connection, name.data, increment, may_lock) &&
			   hold_name(connection, name.data, oid) &&
			   (answer == ROW_OWNERS_TURN ? set_as_owner(connection, value, increment, owner)
										  : set_as_session(connection, value, increment));
	free(owner);
	buffer_free(&name);
	return good;
}

static bool
advance_if_there(const RestorePlan *plan, Connection *connection, const SequenceValue *value)
{
	const char *params[3] = {value->schema, value->name, value->value};
	PGresult *result = connection_query(connection, look_query, 3, params);
	bool good = result != NULL;

	if (good && PQntuples(result) == 0)
		lines_add(&plan->selection->left_out, xasprintf("value of SEQUENCE %s.%s (it is not there)",
														value->schema, value->name));
	else if (good && PQgetvalue(result, 0, 2)[0] != 't')
		lines_add(&plan->selection->left_out,
				  xasprintf("value of SEQUENCE %s.%s (%s is beyond its bounds now)", value->schema,
							value->name, value->value));
	else if (good)
		good = advance(plan, connection, value, PQgetvalue(result, 0, 0),
					   PQgetvalue(result, 0, 1)[0] == 't', PQgetvalue(result, 0, 3));
	PQclear(result);
	return good;
}

bool
sequences_advance(const RestorePlan *plan, Connection *connection)
{
	SequenceValues values;
	PGresult *members = extension_rows_members(connection);
	bool good = sequence_values_load(plan->settings, plan->repository, plan->manifest, &values) &&
				members != NULL;
	uint32_t i;

	for (i = 0; good && i < values.count; i++)
	{
		const TocEntry *entry = find_entry(plan->selection, &values.items[i]);

		if (entry != NULL ? selection_state(plan->selection, entry->id) >= ENTRY_BELONGS
						  : is_of_rows(plan, members, &values.items[i]))
			good = advance_if_there(plan, connection, &values.items[i]);
	}
	PQclear(members);
	sequence_values_free(&values);
	return good;
}
