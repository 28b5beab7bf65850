/*-------------------------------------------------------------------------
 *
 * source_server.h
 *	  May this server be backed up from, in this way?
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_SOURCE_SERVER_H
#define NEX_SOURCE_SERVER_H

#include <stdbool.h>
#include <stdint.h>

#include "connection.h"

/*
 * Refuse what would give a wrong backup: a connection pooler in between, and
 * a standby whose minor version imports snapshots wrongly.  False (reported).
 */
extern bool source_server_check(Connection *connection, bool in_recovery);

/*
 * The first minor release of this server's major version in which a snapshot
 * taken during recovery can be exported and imported, if the server's own
 * (as PQserverVersion() gives it) is older; NULL if it is fixed.  "" stands
 * for a major version that ended without the fix.
 */
extern const char *standby_fix_missing(int server_version);

/* How many locks the server has room for, and from which setting. */
typedef struct LockCapacity
{
	uint64_t per_transaction; /* max_locks_per_transaction */
	uint64_t slots;           /* what that is multiplied by */
} LockCapacity;

/* False (reported) on failure. */
extern bool lock_capacity_read(Connection *connection, LockCapacity *capacity);

/* Report that `tables` locks do not fit, and what to set; always returns false. */
extern bool lock_capacity_report(const LockCapacity *capacity, uint64_t tables, const char *said);

/* Is there room for `locks` of them? */
extern bool lock_capacity_suffices(const LockCapacity *capacity, uint64_t locks);

#endif /* NEX_SOURCE_SERVER_H */
