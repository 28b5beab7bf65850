/*-------------------------------------------------------------------------
 *
 * sequence_wait.h
 *	  Waiting for whoever has locked a sequence or renames a
 *	  schema.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_SEQUENCE_WAIT_H
#define NEX_SEQUENCE_WAIT_H

#include "connection.h"

/* For so long a lock is waited for in the server. */
#define SEQUENCE_PATIENCE "50ms" /* well below deadlock_timeout, 1 s by default */

typedef enum SequenceObstacle
{
	OBSTACLE_SEQUENCE, /* one of these */
	OBSTACLE_SCHEMA    /* pg_namespace */
} SequenceObstacle;

/* Begins with zeros behind the connection. */
typedef struct SequenceWait
{
	Connection *connection;
	int timeout; /* seconds, for all waits together; 0: any */
	double waited;
	char *said; /* for whom and what, last */
} SequenceWait;

/*
 * A try that began then (monotonic_seconds()) found one of the sequences (the
 * text of an array of their OIDs), or pg_namespace, locked.  Say who has it, and
 * wait a little.  False: for too long in all, or for somebody who waits for us
 * (reported), or a stop was requested.
 */
extern bool sequence_wait_more(SequenceWait *wait, SequenceObstacle obstacle, const char *oids,
							   double began);

/* Wait until nobody has locked any of these; false as above. */
extern bool sequence_wait_all(SequenceWait *wait, const char *oids);
extern void sequence_wait_free(SequenceWait *wait);

#endif /* NEX_SEQUENCE_WAIT_H */
