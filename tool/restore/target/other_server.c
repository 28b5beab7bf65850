/*-------------------------------------------------------------------------
 *
 * other_server.c
 *	  Is the live database that a restore changes one of another server?
 *
 * A database of staging in place of that of production is what somebody may
 * want, so this is a warning and not an error, as for clocks that disagree.  A
 * new server that was rebuilt from its backups has another system identifier,
 * too; once that was confirmed (server_identity.c), nothing is said.
 *
 *-------------------------------------------------------------------------
 */
#include "other_server.h"

#include <stdlib.h>
#include <string.h>

#include "general_settings.h"
#include "log.h"
#include "memory.h"
#include "quote.h"
#include "server_record.h"
#include "settings.h"

/* NULL: the role may not read it. */
static char *
live_identifier(Connection *connection)
{
	PGresult *result = connection_exec(
		connection, SQL("SELECT system_identifier FROM pg_catalog.pg_control_system()"));
	char *identifier = PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) == 1
						   ? xstrdup(PQgetvalue(result, 0, 0))
						   : NULL;

	PQclear(result);
	return identifier;
}

/* Was it confirmed that the backups of this label are of the live server? */
static bool
is_confirmed(const RestorePlan *plan, const char *live)
{
	char *recorded = NULL;
	bool confirmed =
		server_record_current(plan->repository, plan->backup.owner.server, &recorded) &&
		recorded != NULL && strcmp(recorded, live) == 0;

	free(recorded);
	return confirmed;
}

bool
other_server_is_same(const RestorePlan *plan)
{
	const char *of_backup = plan->manifest->server.system_identifier;
	char *live = live_identifier(plan->maintenance);
	bool same = live != NULL &&
				((of_backup != NULL && strcmp(live, of_backup) == 0) || is_confirmed(plan, live));

	free(live);
	return same;
}

void
other_server_warn(const RestorePlan *plan)
{
	const Owner *owner = &plan->backup.owner;
	const char *of_backup = plan->manifest->server.system_identifier;
	const char *label = plan->settings->general->server;
	char *live = live_identifier(plan->maintenance);
	char *shown = printable_name(plan->database);
	bool differs;
	char *hint;

	/* Where an identifier is unknown, the labels are all there is. */
	if (live != NULL && of_backup != NULL)
		differs = strcmp(live, of_backup) != 0 && !is_confirmed(plan, live);
	else
		differs = label != NULL && strcmp(label_stored(label), owner->server) != 0;
	if (differs)
	{
		hint =
			xasprintf("The backup is of server \"%s\", system identifier %s; that of this server "
					  "is %s. If this is the same server, rebuilt, all is well; otherwise "
					  "--to=NAME restores into another database.",
					  owner_server(owner), of_backup != NULL ? of_backup : "unknown",
					  live != NULL ? live : "unknown");
		log_warning_hint(hint, "the backup is of another server than database \"%s\", %s", shown,
						 plan->fate == TARGET_LIVE ? "into which it goes" : "which it replaces");
		free(hint);
	}
	free(shown);
	free(live);
}
