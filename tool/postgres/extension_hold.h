/*-------------------------------------------------------------------------
 *
 * extension_hold.h
 *	  Whose is the extension whose function is called?
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_EXTENSION_HOLD_H
#define NEX_EXTENSION_HOLD_H

#include <libpq-fe.h>

#include "connection.h"

/*
 * To be run in the transaction in which a function of the extension is called
 * next: holds the extension until that ends, and gives a row, of two columns,
 * if a part of it belongs to a role that is neither a superuser nor the
 * session's own.  An error if there is no such extension.  The commit will not
 * wait for a synchronous standby.
 */
extern SqlConstant extension_hold_sql(void);

/* What that has given: NULL, or what is wrong, to be freed. */
extern char *extension_hold_problem(const PGresult *result);

/* The same for a Connection: false, with *message to be freed. */
extern bool extension_hold(Connection *connection, char **message);

#endif /* NEX_EXTENSION_HOLD_H */
