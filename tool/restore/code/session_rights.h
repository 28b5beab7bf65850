/*-------------------------------------------------------------------------
 *
 * session_rights.h
 *	  Whose rights a session has, and whom that leaves to be trusted.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_SESSION_RIGHTS_H
#define NEX_SESSION_RIGHTS_H

#include "connection.h"

typedef struct Settings Settings;

/*
 * SQL: is the input of this type (alias t; e of its element) nothing but code
 * of PostgreSQL, or C code that a superuser installed?
 */
#define ROW_TYPE_IS_PLAIN                                                                          \
	"(t.oid < 16384 OR t.typtype = 'e' OR (t.typtype = 'b' AND t.typelem = 0)"                     \
	" OR (t.typtype = 'b' AND (e.oid < 16384 OR e.typtype = 'e'"                                   \
	"  OR (e.typtype = 'b' AND e.typelem = 0))))"

/*
 * SQL: are the rights of this role (alias r) those of the session, or a
 * superuser's?  Code of all others would gain by running in the session, also
 * where the session is no superuser's.
 */
#define ROW_ROLE_IS_TRUSTED "(r.rolsuper OR r.rolname = SESSION_USER)"

typedef struct RowRights
{
	bool as_owner; /* not with those of the session */
	char *owner;   /* of the table; row_rights_free() */
	char *code;    /* of the table, or NULL: something that runs when rows come */
} RowRights;

/*
 * Has the session the rights of a superuser, also where it has taken another
 * role: code can reset it.  Only then can catalogs be locked.  Not with
 * --rows-as=session.  False (reported) if that cannot be found out.
 */
extern bool session_rights_at_stake(const Settings *settings, Connection *connection,
									bool *at_stake);

/*
 * With --role, have the session's own rights for what only they can lock.
 * Returns what to go back to (frees it), or NULL (reported).
 */
extern char *session_rights_suspend_role(Connection *connection);
extern bool session_rights_resume_role(Connection *connection, char *role);

#endif /* NEX_SESSION_RIGHTS_H */
