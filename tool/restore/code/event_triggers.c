/*-------------------------------------------------------------------------
 *
 * event_triggers.c
 *	  Event triggers of the live database that others have a say in.
 *
 * The function of an event trigger runs with the rights of whoever executes
 * DDL: of the session, when it makes the objects of a part, or a temporary
 * table for the rows of an append.  Only superusers can create an event
 * trigger, but PostgreSQL leaves it to a role that is no longer a superuser,
 * and its function can belong to anybody.
 *
 * Whoever owns the function can replace it at any time, so it does not matter
 * what it is now (SECURITY DEFINER, say).  Whoever owns the trigger can enable
 * it at any time, so one that is disabled counts, too, unless it belongs to a
 * superuser.  PostgreSQL 17 can do without event triggers (event_triggers =
 * off), but then those of superusers would not run either, and they may be
 * there to record exactly what we do.
 *
 *-------------------------------------------------------------------------
 */
#include "event_triggers.h"

#include <stdlib.h>

#include "log.h"
#include "memory.h"
#include "session_rights.h"
#include "settings.h"
#include "turn_settings.h"

#define EVENT_TRIGGER_HINT                                                                         \
	"Drop or replace it, or read its function and give both to a superuser (ALTER EVENT TRIGGER "  \
	"... OWNER TO, ALTER FUNCTION ... OWNER TO).  If you trust its owner, --rows-as=session runs " \
	"it with your rights."

/* The first one: its name, what of it is whose, and whether the trigger itself is. */
static const char trigger_query[] =
	"SELECT e.evtname, r.rolname, r.oid = e.evtowner,"
	" f.oid::pg_catalog.regprocedure::pg_catalog.text"
	" FROM pg_catalog.pg_event_trigger e JOIN pg_catalog.pg_proc f ON f.oid = e.evtfoid"
	" JOIN pg_catalog.pg_roles r ON r.oid = e.evtowner"
	"  OR (r.oid = f.proowner AND e.evtenabled <> 'D')"
	" WHERE NOT " ROW_ROLE_IS_TRUSTED " ORDER BY 1, 3 DESC LIMIT 1";

bool
event_triggers_check(const Settings *settings, Connection *connection)
{
	PGresult *result;
	char *detail;
	bool good;

	if (settings->turns->rows_as == ROWS_AS_SESSION)
		return true;
	result = connection_query(connection, trigger_query, 0, NULL);
	good = result != NULL;
	if (good && PQntuples(result) > 0)
	{
		bool own = PQgetvalue(result, 0, 2)[0] == 't';

		if (own)
			detail = xasprintf("It belongs to \"%s\", and its function would run with the rights "
							   "of the session.",
							   PQgetvalue(result, 0, 1));
		else
			detail = xasprintf("Its function %s belongs to \"%s\", and would run with the rights "
							   "of the session.",
							   PQgetvalue(result, 0, 3), PQgetvalue(result, 0, 1));
		good = report_error(EXIT_FAILED, detail, EVENT_TRIGGER_HINT,
							"could not create objects without running event trigger \"%s\" of the "
							"live database",
							PQgetvalue(result, 0, 0));
		free(detail);
	}
	PQclear(result);
	return good;
}
