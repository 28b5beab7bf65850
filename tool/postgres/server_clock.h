/*-------------------------------------------------------------------------
 *
 * server_clock.h
 *	  Does the clock of the server agree with that of this host?
 *
 * Backups are ordered by the server's clock and named by that of the host, and
 * their age is judged by whichever host looks at them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_SERVER_CLOCK_H
#define NEX_SERVER_CLOCK_H

#include "connection.h"

/* How many seconds the server's clock is ahead; false if that cannot be found out. */
extern bool server_clock_ahead(Connection *connection, double *seconds);

/* Warn, once in a run, if the clocks differ. */
extern void server_clock_check(Connection *connection);

/* "3 h 20 min", for how much clocks differ; in a buffer of at least 32 bytes. */
extern const char *clock_difference(double seconds, char text[32]);

#endif /* NEX_SERVER_CLOCK_H */
