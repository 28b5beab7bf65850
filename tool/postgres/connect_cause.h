/*-------------------------------------------------------------------------
 *
 * connect_cause.h
 *	  Why did a server not answer a new session?
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_CONNECT_CAUSE_H
#define NEX_CONNECT_CAUSE_H

#include "target.h"

/*
 * What is to be said of a connection that was not made: the message, and who
 * has locked the database or a catalog of it, if that was waited for; caller
 * frees.  *hint is set if there is a better one.
 */
extern char *connect_cause(const ConnectionTarget *target, const char *message, const char **hint);

#endif /* NEX_CONNECT_CAUSE_H */
