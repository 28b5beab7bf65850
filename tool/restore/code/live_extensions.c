/*-------------------------------------------------------------------------
 *
 * live_extensions.c
 *	  Extensions of the live database that others have a say in.
 *
 * The script of an extension runs as a superuser, whose its objects mostly are.
 * But whoever has made a trusted extension can put objects of their own into
 * it (ALTER EXTENSION ... ADD), and take them out again.  An archive has no
 * entry for an object of an extension: what depends on it depends on the
 * extension there.  So an extension counts as code of others if any object of
 * it does, or something that it rests on; and where code would run with the
 * rights of the session, if the extension itself belongs to somebody else.
 *
 *-------------------------------------------------------------------------
 */
#include "live_extensions.h"

#include "code_owners.h"

static const char extension_query[] = "WITH RECURSIVE " CODE_OF(
	"SELECT d.classid, d.objid FROM pg_catalog.pg_extension e"
	"  JOIN pg_catalog.pg_depend d ON d.refobjid = e.oid"
	"   AND d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass"
	"   AND d.deptype = 'e' WHERE e.extname = $1::pg_catalog.name") " SELECT (" CODE_OF_OTHERS
																	") IS NOT NULL OR EXISTS "
																	"(SELECT FROM things"
																	"  JOIN pg_catalog.pg_class c "
																	"ON c.oid = things.object"
																	"   AND things.class = "
																	"'pg_catalog.pg_class'::pg_"
																	"catalog.regclass"
																	"  JOIN pg_catalog.pg_roles r "
																	"ON r.oid = c.relowner WHERE "
																	"NOT " ROW_ROLE_IS_TRUSTED "),"
																	" EXISTS (SELECT FROM "
																	"pg_catalog.pg_extension e "
																	"JOIN pg_catalog.pg_roles r"
																	"  ON r.oid = e.extowner WHERE "
																	"e.extname = "
																	"$1::pg_catalog.name AND "
																	"NOT " ROW_ROLE_IS_TRUSTED ")";

bool
live_extension_others(Connection *connection, const char *extension, bool *members, bool *owner)
{
	PGresult *result = connection_query(connection, extension_query, 1, &extension);

	*members = result != NULL && PQgetvalue(result, 0, 0)[0] == 't';
	*owner = result != NULL && PQgetvalue(result, 0, 1)[0] == 't';
	PQclear(result);
	return result != NULL;
}
