/*-------------------------------------------------------------------------
 *
 * cut_client.h
 *	  An end of the connection to a client that does not read.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_CUT_CLIENT_H
#define NEX_CUT_CLIENT_H

/* Of this process, at once; also in a signal handler. */
extern void cut_client(void);

/* The signal that makes this process do so, whose handler is there from now on; 0: there is none.
 */
extern int cut_client_signal(void);

/* A signal that nobody uses here; 0: there is none. */
extern int unused_signal(void);

#endif /* NEX_CUT_CLIENT_H */
