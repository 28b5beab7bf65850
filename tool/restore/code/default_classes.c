/*-------------------------------------------------------------------------
 *
 * default_classes.c
 *	  Default operator classes of PostgreSQL's types that others have a say in.
 *
 * Functions of PostgreSQL itself count as harmless (planner_code.h).  But to
 * compare two arrays, say, they look for the default operator class of the
 * elements, and a type such as json has none unless a superuser makes one.
 * Nothing depends on that class, and no text names it.  So if its functions
 * belong to somebody else, nothing that is computed here is harmless.
 *
 *-------------------------------------------------------------------------
 */
#include "default_classes.h"

#include <stdlib.h>

#include "code_walk.h"
#include "log.h"
#include "memory.h"
#include "row_copy.h"
#include "session_rights.h"
#include "settings.h"
#include "turn_settings.h"

static const char function_query[] =
	"SELECT f.oid::pg_catalog.regprocedure::pg_catalog.text, r.rolname"
	" FROM " CODE_OF_DEFAULT_CLASSES " JOIN pg_catalog.pg_roles r ON r.oid = f.proowner"
	" WHERE NOT " ROW_ROLE_IS_TRUSTED " ORDER BY 1 LIMIT 1";

bool
default_classes_check(const Settings *settings, Connection *connection)
{
	PGresult *result;
	char *detail;
	bool good;

	if (settings->turns->rows_as == ROWS_AS_SESSION)
		return true;
	result = connection_query(connection, function_query, 0, NULL);
	good = result != NULL;
	if (good && PQntuples(result) > 0)
	{
		detail = xasprintf("A default operator class of a type of PostgreSQL calls function %s, "
						   "which can be changed by \"%s\".",
						   PQgetvalue(result, 0, 0), PQgetvalue(result, 0, 1));
		good = report_error(EXIT_FAILED, detail,
							"Give the function to a superuser (ALTER FUNCTION ... OWNER TO). "
							" " ROWS_AS_SESSION_HINT,
							"could not restore into this database without running code of others");
		free(detail);
	}
	PQclear(result);
	return good;
}
