/*-------------------------------------------------------------------------
 *
 * wrapper_functions.c
 *	  Functions of foreign data wrappers that others have a say in.
 *
 * The options of a foreign table, a server or a user mapping are checked by
 * the validator of the wrapper, a function in any language, which runs with the
 * rights of whoever makes the object.  Only superusers can create a wrapper,
 * but the function can belong to anybody, and be replaced.  The archive does
 * not say which wrapper an object has through its server, so all of them are
 * looked at.
 *
 *-------------------------------------------------------------------------
 */
#include "wrapper_functions.h"

#include <stdlib.h>

#include "chosen.h"
#include "log.h"
#include "memory.h"
#include "session_rights.h"
#include "settings.h"
#include "turn_settings.h"

#define WRAPPER_HINT                                                                               \
	"Read the function and give it to a superuser (ALTER FUNCTION ... OWNER TO).  If you trust "   \
	"its owner, --rows-as=session runs it with your rights."

static const char function_query[] =
	"SELECT w.fdwname, f.oid::pg_catalog.regprocedure::pg_catalog.text, r.rolname"
	" FROM pg_catalog.pg_foreign_data_wrapper w"
	" JOIN pg_catalog.pg_proc f ON f.oid IN (w.fdwvalidator, w.fdwhandler)"
	" JOIN pg_catalog.pg_roles r ON r.oid = f.proowner"
	" WHERE NOT " ROW_ROLE_IS_TRUSTED " ORDER BY 1, 2 LIMIT 1";

static bool
makes_foreign_objects(const Selection *selection)
{
	static const char *const kinds[] = {"FOREIGN TABLE", "SERVER", "USER MAPPING",
										"FOREIGN DATA WRAPPER", NULL};
	uint32_t i;

	for (i = 0; i < selection->toc.count; i++)
	{
		const TocEntry *entry = &selection->toc.entries[i];

		if (selection_includes(selection, entry) && toc_entry_is_any(entry, kinds))
			return true;
	}
	return false;
}

bool
wrapper_functions_check(const RestorePlan *plan, Connection *connection)
{
	PGresult *result;
	char *detail;
	bool good;

	if (plan->settings->turns->rows_as == ROWS_AS_SESSION ||
		!makes_foreign_objects(plan->selection))
		return true;
	result = connection_query(connection, function_query, 0, NULL);
	good = result != NULL;
	if (good && PQntuples(result) > 0)
	{
		detail =
			xasprintf("Function %s of foreign data wrapper \"%s\" belongs to \"%s\".",
					  PQgetvalue(result, 0, 1), PQgetvalue(result, 0, 0), PQgetvalue(result, 0, 2));
		good = report_error(EXIT_FAILED, detail, WRAPPER_HINT,
							"could not make foreign tables or servers without running code of the "
							"live database");
		free(detail);
	}
	PQclear(result);
	return good;
}
