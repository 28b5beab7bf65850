/*-------------------------------------------------------------------------
 *
 * server_failure.h
 *	  What a failed statement of a restore means, and what the server said.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_SERVER_FAILURE_H
#define NEX_SERVER_FAILURE_H

#include "connection.h"

#define SKIP_HINT                                                                                  \
	"--on-object-error=skip restores everything else, and lists what cannot be restored."

/* What the server said about a failure, in one line; caller frees. */
extern char *server_failure_said(const Connection *connection, const PGresult *result);

/* Does a failure with this SQLSTATE (or none) concern more than the object? */
extern bool server_failure_is_fatal(const Connection *connection, const char *state);

#endif /* NEX_SERVER_FAILURE_H */
