/*-------------------------------------------------------------------------
 *
 * server_error.h
 *	  What the server says of an error, as part of a message.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_SERVER_ERROR_H
#define NEX_SERVER_ERROR_H

#include <libpq-fe.h>

#include "buffer.h"

/*
 * Append the server's words: "primary (detail) [context]".  What may quote
 * values or statements is marked (withheld.h).  `primary` is what is said if
 * the result has no words.
 */
extern void server_error_append(Buffer *out, const PGresult *result, const char *primary);

/* What helps against an error of this state with these words (either may be NULL); or NULL. */
extern const char *server_error_state_hint(const char *state, const char *primary);

/* The server's own hint, marked where it may quote; NULL if there is none.  Caller frees. */
extern char *server_error_hint(const PGresult *result);

#endif /* NEX_SERVER_ERROR_H */
