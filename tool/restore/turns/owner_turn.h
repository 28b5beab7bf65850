/*-------------------------------------------------------------------------
 *
 * owner_turn.h
 *	  A statement that runs with the rights of another role, and no more.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_OWNER_TURN_H
#define NEX_OWNER_TURN_H

#include <libpq-fe.h>

#include "buffer.h"
#include "connection.h"

#define OWNER_TURN "pg_temp.nex_backup_turn"
#define OWNER_TURN_ACT "pg_temp.nex_backup_act()"
#define OWNER_TURN_TAKE "pg_temp.nex_backup_take_turn(integer)"

/*
 * Everything that a turn of the role needs, and nothing that runs: `body` is
 * the block of a function in PL/pgSQL.
 */
extern void owner_turn_append(Buffer *sql, const char *owner, const char *body);

/*
 * Run a statement in which code of others runs, for the turn_timeout of the connection at most.
 * *late: it took longer, and was ended; the result is NULL if the session was.
 */
extern PGresult *owner_code_run(Connection *connection, SqlConstant sql, bool *late);

/* The one that runs the turn. */
extern PGresult *owner_turn_run(Connection *connection, bool *late);

/* Report that the turn of this role was ended, so `what` could not be done; false. */
extern bool owner_turn_report_late(const Connection *connection, const char *owner,
								   const char *what);

/* Nothing of it is left. */
#define OWNER_TURN_END                                                                             \
	"DROP TABLE " OWNER_TURN ";DROP FUNCTION " OWNER_TURN_TAKE ", " OWNER_TURN_ACT

#endif /* NEX_OWNER_TURN_H */
