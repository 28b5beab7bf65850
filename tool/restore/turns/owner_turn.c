/*-------------------------------------------------------------------------
 *
 * owner_turn.c
 *	  A statement that runs with the rights of another role, and no more.
 *
 * SET ROLE would be no barrier: the session remains a superuser's, and a
 * trigger can say RESET ROLE.  A SECURITY DEFINER function that belongs to
 * the owner keeps its role, but lets the code leave things behind for the
 * session: settings (standard_conforming_strings, search_path), and deferred
 * triggers, which fire at COMMIT as the superuser.
 *
 * What PostgreSQL itself does when a superuser's VACUUM or REINDEX meets code
 * of a table's owner is tight: a security-restricted operation.  There the
 * role cannot be changed, settings are put back at the end, nothing can be
 * deferred, prepared, or put among the temporary tables and types.  A client
 * gets one by building an index: over one row of a temporary table of that
 * role, of a function that does what is to be done.  The function belongs to
 * us, so nobody can change it.
 *
 *-------------------------------------------------------------------------
 */
#include "owner_turn.h"

#include "sql_build.h"

void
owner_turn_append(Buffer *sql, const char *owner, const char *body)
{
	SqlText *turn = sql_in(sql);

	sql_append(turn, "CREATE TEMPORARY TABLE nex_backup_turn (turn pg_catalog.int4);"
					 "INSERT INTO " OWNER_TURN " VALUES (1);"
					 "CREATE FUNCTION " OWNER_TURN_ACT " RETURNS void LANGUAGE plpgsql"
					 " SET search_path = pg_catalog, pg_temp SET row_security = on AS ");
	sql_literal(turn, body);
	sql_append(turn, ";CREATE FUNCTION " OWNER_TURN_TAKE " RETURNS integer"
					 " IMMUTABLE LANGUAGE plpgsql AS"
					 " 'BEGIN PERFORM " OWNER_TURN_ACT "; RETURN 1; END'"
					 ";GRANT EXECUTE ON FUNCTION " OWNER_TURN_ACT ", " OWNER_TURN_TAKE " TO ");
	sql_identifier(turn, owner);
	sql_append(turn, ";ALTER TABLE " OWNER_TURN " OWNER TO ");
	sql_identifier(turn, owner);
}
