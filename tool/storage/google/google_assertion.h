/*-------------------------------------------------------------------------
 *
 * google_assertion.h
 *	  What a service account of Google shows to get a token: a JSON Web Token
 *	  that it has signed (RS256).
 *
 * Source: "Using OAuth 2.0 for Server to Server Applications", Google; RFC 7515.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_GOOGLE_ASSERTION_H
#define NEX_GOOGLE_ASSERTION_H

#include <stdbool.h>
#include <time.h>

#include "buffer.h"

typedef struct ServiceAccount
{
	const char *email;
	const char *key_id;      /* NULL: not known */
	const char *private_key; /* PEM */
	const char *token_uri;   /* for whom it is */
} ServiceAccount;

/* Append it; false, and nothing appended, if the key is none, or OpenSSL refuses. */
extern bool google_append_assertion(const ServiceAccount *account, time_t now, Buffer *out);

/* Append a dot and the signature of all that is there; as above. */
extern bool rs256_append_signature(const char *private_key, Buffer *out);

#endif /* NEX_GOOGLE_ASSERTION_H */
