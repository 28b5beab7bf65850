/*-------------------------------------------------------------------------
 *
 * pg_dumpall_session.h
 *	  How pg_dumpall connects.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_PG_DUMPALL_SESSION_H
#define NEX_PG_DUMPALL_SESSION_H

#include "connection.h"
#include "target.h"

/* The conninfo string for pg_dumpall, pinned like this connection; NULL (error reported). */
extern char *session_conninfo_for_pg_dumpall(const ConnectionTarget *target,
											 const Connection *connection, const char *database,
											 const char *directory);

#endif /* NEX_PG_DUMPALL_SESSION_H */
