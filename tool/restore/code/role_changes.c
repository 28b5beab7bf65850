/*-------------------------------------------------------------------------
 *
 * role_changes.c
 *	  Has the restore of a part changed roles?
 *
 * A part makes objects of a database.  It never makes, changes or grants a
 * role, nor a setting of one, unless the script of an extension does.  So if
 * the transaction of a restore has done so, code of others has had rights that
 * it should not have, by a way that nobody has thought of, and the transaction
 * must not be committed.  This is the last wall, not the first: what that code
 * has done outside of the database cannot be taken back.
 *
 * The server counts what a transaction does to each catalog, also what a
 * subtransaction has taken back, and code cannot reset that (definitions.c).
 *
 *-------------------------------------------------------------------------
 */
#include "role_changes.h"

#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "memory.h"
#include "row_copy.h"
#include "settings.h"
#include "turn_settings.h"

static const char changes_query[] =
	"SELECT pg_catalog.string_agg(pg_catalog.format('%s %s', relname,"
	"  pg_catalog.pg_stat_get_xact_tuples_inserted(oid)"
	"  + pg_catalog.pg_stat_get_xact_tuples_updated(oid)"
	"  + pg_catalog.pg_stat_get_xact_tuples_deleted(oid)), ' ' ORDER BY relname)"
	" FROM pg_catalog.pg_class WHERE relnamespace = 'pg_catalog'::pg_catalog.regnamespace"
	" AND relname IN ('pg_authid', 'pg_auth_members', 'pg_db_role_setting', 'pg_parameter_acl')";

static char *
read_changes(Connection *connection)
{
	PGresult *result = connection_query(connection, changes_query, 0, NULL);
	char *changes = result != NULL ? xstrdup(PQgetvalue(result, 0, 0)) : NULL;

	PQclear(result);
	return changes;
}

bool
role_changes_note(const RestorePlan *plan, Connection *connection)
{
	free(plan->progress->role_changes);
	plan->progress->role_changes = read_changes(connection);
	return plan->progress->role_changes != NULL;
}

bool
role_changes_check(const RestorePlan *plan, Connection *connection)
{
	char *now;
	bool good;

	if (plan->settings->turns->rows_as == ROWS_AS_SESSION)
		return true;
	now = read_changes(connection);
	good = now != NULL;
	if (good && strcmp(now, plan->progress->role_changes) != 0)
		good = report_error(
			EXIT_FAILED, "Code of the live database did that in the transaction of this restore.",
			NEW_DATABASE_HINT, "roles were changed during the restore");
	free(now);
	return good;
}
