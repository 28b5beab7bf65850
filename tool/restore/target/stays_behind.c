/*-------------------------------------------------------------------------
 *
 * stays_behind.c
 *	  What goes on with the database that --drop keeps.
 *
 * A subscription is named and not disabled.  It can be disabled in its own
 * database only, so not in the transaction of the swap; and nobody would
 * read its slot then, so that another server, the publisher, keeps WAL until
 * its disk is full.  Nor would it help: the slot has moved on since the
 * backup, so that the rows in between are in the kept database alone.  While
 * it goes on, no row is lost, and the kept database can be put back as it was.
 *
 *-------------------------------------------------------------------------
 */
#include "stays_behind.h"

#include <stdlib.h>
#include <string.h>

#include "connection.h"
#include "log.h"
#include "memory.h"
#include "quote.h"
#include "selection.h"

#define SLOT_HINT                                                                                  \
	"Who reads it needs a slot of another name in the restored database, and a new copy of the "   \
	"data. Then drop this one with pg_drop_replication_slot(): it holds WAL."
#define SUBSCRIPTION_HINT                                                                          \
	"It keeps adding rows there. To let the restored one take over: disable it there "             \
	"(ALTER SUBSCRIPTION ... DISABLE); in the restored database TRUNCATE its tables, ENABLE it, "  \
	"and REFRESH PUBLICATION, which copies them from the publisher."

static const char look_query[] = "SELECT 'replication slot', s.slot_name::pg_catalog.text, s.active"
								 " FROM pg_catalog.pg_replication_slots s"
								 " WHERE s.database = $1::pg_catalog.name AND NOT s.temporary"
								 " UNION ALL SELECT 'subscription', s.subname, s.subenabled"
								 " FROM pg_catalog.pg_subscription s"
								 "  JOIN pg_catalog.pg_database d ON d.oid = s.subdbid"
								 " WHERE d.datname = $1::pg_catalog.name ORDER BY 1, 2";

bool
stays_behind_look(const RestorePlan *plan)
{
	const char *params[1] = {plan->database};
	PGresult *result = connection_query(plan->maintenance, look_query, 1, params);
	char *database;
	int i;

	if (result == NULL)
		return false;
	database = printable_name(plan->database);
	plan->result->stays = xcalloc(1, sizeof(Lines));
	for (i = 0; i < PQntuples(result); i++)
	{
		const char *kind = PQgetvalue(result, i, 0);
		char *name = printable_name(PQgetvalue(result, i, 1));
		bool slot = strcmp(kind, "replication slot") == 0;

		lines_add(plan->result->stays, xasprintf("%s \"%s\"", kind, PQgetvalue(result, i, 1)));
		log_warning_hint(slot ? "Who reads it gets nothing of the restored database, and it holds "
								"WAL while nobody reads it."
							  : "It goes on to add rows to the database that is kept; the one that "
								"is restored comes without connecting, disabled.",
						 "%s \"%s\"%s stays with the present database \"%s\", which gets another "
						 "name",
						 kind, name,
						 PQgetvalue(result, i, 2)[0] == 't' ? (slot ? ", in use," : ", enabled,")
															: "",
						 database);
		free(name);
	}
	PQclear(result);
	free(database);
	return true;
}

void
stays_behind_warn(const RestorePlan *plan)
{
	char *kept = plan->result->kept_as != NULL ? printable_name(plan->result->kept_as) : NULL;
	char *database = printable_name(plan->database);
	uint32_t i;

	for (i = 0; kept != NULL && plan->result->stays != NULL && i < plan->result->stays->count; i++)
	{
		char *line = printable_name(plan->result->stays->lines[i]);
		bool slot = strncmp(line, "replication slot", strlen("replication slot")) == 0;

		log_warning_hint(slot ? SLOT_HINT : SUBSCRIPTION_HINT,
						 "%s belongs to the kept database \"%s\" now, not to \"%s\"", line, kept,
						 database);
		free(line);
	}
	free(database);
	free(kept);
}
