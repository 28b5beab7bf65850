/*-------------------------------------------------------------------------
 *
 * owners_and_grants.c
 *	  --no-owner and --no-privileges for members that pg_restore does not see:
 *	  large objects, and the settings of the database.
 *
 * The statements are those that backup/rows/large_objects.c and
 * backup/source/database_settings.c write, so that their beginnings are known.
 *
 *-------------------------------------------------------------------------
 */
#include "owners_and_grants.h"

#include <string.h>

#include "owner_settings.h"
#include "settings.h"
#include "sql_text.h"

static const char *const owners[] = {"ALTER LARGE OBJECT ", NULL};
static const char *const grants[] = {"GRANT ",
									 "REVOKE ",
									 "SET SESSION AUTHORIZATION ",
									 "RESET SESSION AUTHORIZATION",
									 "DO 'BEGIN EXECUTE pg_catalog.format(''%s %I %s'', ''GRANT ",
									 "DO 'BEGIN EXECUTE pg_catalog.format(''%s %I %s'', ''REVOKE ",
									 NULL};

static bool
begins_with_any(const char *statement, const char *const *beginnings)
{
	statement = sql_skip_blank(statement);
	for (; *beginnings != NULL; beginnings++)
	{
		if (strncmp(statement, *beginnings, strlen(*beginnings)) == 0)
			return true;
	}
	return false;
}

void
owners_and_grants_filter(const Settings *settings, Buffer *sql)
{
	const char *from = sql->data;
	char *to = sql->data;

	if (!settings->owners->no_owner && !settings->owners->no_privileges)
		return;
	while (*from != '\0')
	{
		const char *end = sql_statement_end(from);

		if (!(settings->owners->no_owner && begins_with_any(from, owners)) &&
			!(settings->owners->no_privileges && begins_with_any(from, grants)))
		{
			memmove(to, from, (size_t) (end - from));
			to += end - from;
		}
		from = end;
	}
	*to = '\0';
	sql->length = (size_t) (to - sql->data);
}
