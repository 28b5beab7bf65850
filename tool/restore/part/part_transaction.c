/*-------------------------------------------------------------------------
 *
 * part_transaction.c
 *	  The one transaction in which a part comes into a database that exists.
 *
 *-------------------------------------------------------------------------
 */
#include "part_transaction.h"

#include "default_classes.h"
#include "event_triggers.h"
#include "look_plans.h"
#include "part_settings.h"
#include "quote.h"
#include "row_rights.h"
#include "selection.h"
#include "settings.h"
#include "turn_settings.h"

/* So many rows more have the time of --owner-timeout once more. */
#define ROWS_IN_TIME 10000000
#define LONGEST_TURN 2000000

/*
 * For how long a turn may go on.  Honest ones take their time for rows: triggers
 * and foreign keys see each of them, and an index of them is built in one turn.
 */
static int
turn_seconds(const RestorePlan *plan)
{
	double seconds = plan->settings->turns->owner_timeout;
	uint64_t rows = 0;
	uint32_t i;

	for (i = 0; plan->selection != NULL && i < plan->manifest->ntables; i++)
	{
		const ManifestTable *table = &plan->manifest->tables[i];
		const TocEntry *entry = selection_table(plan->selection, table->oid);

		if (entry != NULL && selection_state(plan->selection, entry->id) >= ENTRY_NEEDED)
			rows += table->rows;
	}
	seconds *= 1 + (double) (rows / ROWS_IN_TIME);
	return seconds < LONGEST_TURN ? (int) seconds : LONGEST_TURN;
}

bool
partial_begin(const RestorePlan *plan, Connection *connection)
{
	Buffer sql;
	bool good;

	connection->turn_timeout = turn_seconds(plan);
	connection->warden = plan->maintenance;
	buffer_init(&sql);
	buffer_append_string(&sql, "SET client_encoding = ");
	quote_literal(&sql, plan->manifest->database.encoding);
	good = connection_command(connection, sql.data) &&
		   (plan->fate != TARGET_LIVE || plan->settings->part->append ||
			plan->settings->turns->rows_as == ROWS_AS_SESSION || look_plans_begin(connection)) &&
		   connection_command(connection, "BEGIN") &&
		   (plan->fate != TARGET_LIVE ||
			(row_rights_begin(plan->settings, connection) &&
			 default_classes_check(plan->settings, connection) &&
			 (plan->settings->part->append || event_triggers_check(plan->settings, connection))));
	buffer_free(&sql);
	return good;
}
