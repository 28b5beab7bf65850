/*-------------------------------------------------------------------------
 *
 * owner_turn.h
 *	  A statement that runs with the rights of another role, and no more.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_OWNER_TURN_H
#define NEX_OWNER_TURN_H

#include "buffer.h"

#define OWNER_TURN "pg_temp.nex_backup_turn"
#define OWNER_TURN_ACT "pg_temp.nex_backup_act()"
#define OWNER_TURN_TAKE "pg_temp.nex_backup_take_turn(integer)"

/*
 * Everything that a turn of the role needs, and nothing that runs: `body` is
 * the block of a function in PL/pgSQL.
 */
extern void owner_turn_append(Buffer *sql, const char *owner, const char *body);

/* The one statement that runs it. */
#define OWNER_TURN_RUN "CREATE INDEX ON " OWNER_TURN " (pg_temp.nex_backup_take_turn(turn))"

/* Nothing of it is left. */
#define OWNER_TURN_END                                                                             \
	"DROP TABLE " OWNER_TURN ";DROP FUNCTION " OWNER_TURN_TAKE ", " OWNER_TURN_ACT

#endif /* NEX_OWNER_TURN_H */
