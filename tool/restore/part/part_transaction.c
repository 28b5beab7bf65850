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
#include "settings.h"

bool
partial_begin(const RestorePlan *plan, Connection *connection)
{
	Buffer sql;
	bool good;

	buffer_init(&sql);
	buffer_append_string(&sql, "SET client_encoding = ");
	quote_literal(&sql, plan->manifest->database.encoding);
	good = connection_command(connection, sql.data) &&
		   (plan->fate != TARGET_LIVE || plan->settings->part->append ||
			plan->settings->part->rows_as == ROWS_AS_SESSION || look_plans_begin(connection)) &&
		   connection_command(connection, "BEGIN") &&
		   (plan->fate != TARGET_LIVE ||
			(row_rights_begin(plan->settings, connection) &&
			 default_classes_check(plan->settings, connection) &&
			 (plan->settings->part->append || event_triggers_check(plan->settings, connection))));
	buffer_free(&sql);
	return good;
}
