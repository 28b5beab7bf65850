/*-------------------------------------------------------------------------
 *
 * event_triggers.c
 *	  Event triggers of the live database that others have a say in.
 *
 * An event trigger runs with the rights of whoever creates or drops something,
 * as a restore does all the time.  Only superusers make event triggers, but a
 * role that made one need not be a superuser any more, and its function can
 * belong to anybody.  PostgreSQL before 17 cannot switch them off, and those
 * that do their duty should run.
 *
 *-------------------------------------------------------------------------
 */
#include "event_triggers.h"

#include <stdlib.h>

#include "code_owners.h"
#include "log.h"
#include "memory.h"
#include "row_copy.h"

static const char trigger_query[] =
	"SELECT pg_catalog.min(e.evtname), pg_catalog.min(r.rolname)"
	" FROM pg_catalog.pg_event_trigger e JOIN pg_catalog.pg_proc f ON f.oid = e.evtfoid"
	" JOIN pg_catalog.pg_roles r ON r.oid IN (e.evtowner, f.proowner)"
	" WHERE e.evtenabled <> 'D' AND NOT " ROW_ROLE_IS_TRUSTED;

bool
event_triggers_check(Connection *connection)
{
	PGresult *result = connection_query(connection, trigger_query, 0, NULL);
	char *detail;
	bool good = result != NULL;

	if (good && !PQgetisnull(result, 0, 0))
	{
		detail = xasprintf("Event trigger \"%s\" would run, which can be changed by \"%s\".",
						   PQgetvalue(result, 0, 0), PQgetvalue(result, 0, 1));
		good = report_error(EXIT_FAILED, detail,
							"Disable it (ALTER EVENT TRIGGER ... DISABLE), or give it and its "
							"function to a superuser.  " ROWS_AS_SESSION_HINT,
							"could not restore into this database without running code of others");
		free(detail);
	}
	PQclear(result);
	return good;
}
