/*-------------------------------------------------------------------------
 *
 * table_locks.h
 *	  LOCK TABLE for many tables, and who stands in the way.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_TABLE_LOCKS_H
#define NEX_TABLE_LOCKS_H

#include "source_table.h"

#define SQLSTATE_UNDEFINED_TABLE "42P01"
#define SQLSTATE_UNDEFINED_SCHEMA "3F000"
#define SQLSTATE_LOCK_NOT_AVAILABLE "55P03"
#define SQLSTATE_OUT_OF_MEMORY "53200"
#define SQLSTATE_DIVISION_BY_ZERO "22012"

/*
 * Lock the tables of the list, many to a command, in ACCESS SHARE mode.
 * NULL when all are locked, else the result that failed.  skip (may be NULL)
 * names tables that are locked already.  suffix is " NOWAIT" or "".
 */
extern PGresult *table_locks_take(Connection *connection, const SourceTables *list,
								  const SourceTables *skip, SqlConstant suffix);

/* True if the failed result has this SQLSTATE. */
extern bool result_has_state(const PGresult *result, const char *state);

/* A table of the list that another session has locked, or waits to lock, against us. */
typedef struct LockHolder
{
	char *table;    /* quoted name; NULL: nobody does (any more) */
	char *who;      /* 'process 4711 (application "psql", user "bob")' */
	bool waits;     /* it waits for the lock itself */
	bool behind_us; /* it waits for this session */
} LockHolder;

/* Find one, the first in the queue.  False (reported) on failure. */
extern bool lock_holder_find(Connection *connection, const SourceTables *list, LockHolder *holder);

/* The same of relations, by the text of an array of their OIDs, and locks of these modes. */
extern bool lock_holder_find_of(Connection *connection, const char *oids, const char *modes,
								LockHolder *holder);
extern void lock_holder_free(LockHolder *holder);

/* 'process 4711 (application "psql", user "bob")', or "a prepared transaction"; caller frees. */
extern char *describe_session(const char *pid, const char *application, const char *user);

#endif /* NEX_TABLE_LOCKS_H */
