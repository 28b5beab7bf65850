/*-------------------------------------------------------------------------
 *
 * connect_hosts.h
 *	  Connect to the first of the hosts of a target that answers, in a thread
 *	  of its own.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_CONNECT_HOSTS_H
#define NEX_CONNECT_HOSTS_H

#include <stdbool.h>
#include <libpq-fe.h>

#include "deadline.h"
#include "target.h"

typedef struct ConnectHosts ConnectHosts;

/* A parameter that the target does not set. */
typedef struct ConnectDefault
{
	const char *keyword;
	const char *value;
} ConnectDefault;

/*
 * Begin; `defaults` ends with a NULL keyword.  No address of a host gets
 * longer than connect_timeout says, or `seconds` if it says nothing; in no
 * case longer than CONNECT_LONGEST.  NULL if no thread could be started.
 */
#define CONNECT_LONGEST 60
extern ConnectHosts *connect_hosts_begin(const ConnectionTarget *target,
										 const ConnectDefault *defaults, int seconds);

/* Becomes readable when it has come to an end. */
extern int connect_hosts_descriptor(const ConnectHosts *hosts);

/*
 * End: the session, in non-blocking mode, notices ignored; or NULL, with the first host's
 * *message, to be freed.  What has not come to an end yet is given up.
 */
extern PGconn *connect_hosts_end(ConnectHosts *hosts, char **message);

#endif /* NEX_CONNECT_HOSTS_H */
