/*-------------------------------------------------------------------------
 *
 * drop_database.h
 *	  DROP DATABASE while others try to get in.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_DROP_DATABASE_H
#define NEX_DROP_DATABASE_H

#include <stdbool.h>

#include "connection.h"

/*
 * Drop a database, a template too, and end its sessions.  For ten seconds it
 * is tried again if others are in it.  False without a report: the connection
 * has the message.
 */
extern bool drop_database(Connection *connection, const char *name);

#endif /* NEX_DROP_DATABASE_H */
