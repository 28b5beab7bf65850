/*-------------------------------------------------------------------------
 *
 * google_credentials.h
 *	  Where the key or the tokens for Google Cloud Storage come from: a file of
 *	  ours, or what programs for Google Cloud use.
 *
 * A file holds an HMAC key (its access id, a blank, and its secret), or is the
 * key file in JSON of a service account.  The chain is that of Google's
 * "application default credentials": the file that GOOGLE_APPLICATION_CREDENTIALS
 * names, that of gcloud, the metadata server.  The first that is there counts,
 * as for AWS (aws_credentials.h).
 *
 * Source: "How Application Default Credentials works", Google Cloud; "HMAC
 * keys", Cloud Storage.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_GOOGLE_CREDENTIALS_H
#define NEX_GOOGLE_CREDENTIALS_H

#include "platform_service.h"

/* A KeySource; the argument is a KeyChoice. */
extern bool google_keys(void *argument, bool renew, AccessKeys *keys, char **problem);

/* The HMAC key in a text; false if it holds none. */
extern bool google_hmac_key(const char *text, AccessKeys *keys);

#endif /* NEX_GOOGLE_CREDENTIALS_H */
