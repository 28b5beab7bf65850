/*-------------------------------------------------------------------------
 *
 * look_plans.c
 *	  How the server plans what a restore asks of catalogs.
 *
 * A part of a backup that is restored into a live database is looked at table
 * by table, and step by step, by queries over a dozen catalogs, which the server
 * plans for longer than it runs them.  So they are planned once (kept_plans.c).
 *
 * And the server prepares for as many rows as it expects.  For a recursive query
 * over catalogs that is a guess, of thousands where there are three, and a hash
 * table for these is filled with zeros each time, as large as work_mem permits:
 * that took longer than all the rest.  So there is little of it, but while rows
 * come and materialized views are filled: what others have written runs with
 * as much as ever.
 *
 *-------------------------------------------------------------------------
 */
#include "look_plans.h"

#include "kept_plans.h"

#define LITTLE_WORK_MEM "256kB"

static bool
set_work_mem(Connection *connection, const char *value)
{
	PGresult *result = connection_query(
		connection, "SELECT pg_catalog.set_config('work_mem', $1::pg_catalog.text, false)", 1,
		&value);

	PQclear(result);
	return result != NULL;
}

/* RESET would bring back what the database says, which connection.c has overruled. */
bool
look_plans_begin(Connection *connection)
{
	PGresult *result =
		connection_query(connection,
						 "SELECT pg_catalog.current_setting('work_mem'),"
						 " pg_catalog.set_config('plan_cache_mode', 'force_generic_plan', false)",
						 0, NULL);

	if (result == NULL)
		return false;
	connection->plans = kept_plans_new(PQgetvalue(result, 0, 0));
	PQclear(result);
	return look_plans_go_on(connection);
}

bool
look_plans_pause(Connection *connection)
{
	return connection->plans == NULL ||
		   set_work_mem(connection, kept_plans_work_mem(connection->plans));
}

bool
look_plans_go_on(Connection *connection)
{
	return connection->plans == NULL || set_work_mem(connection, LITTLE_WORK_MEM);
}
