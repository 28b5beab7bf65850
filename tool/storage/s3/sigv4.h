/*-------------------------------------------------------------------------
 *
 * sigv4.h
 *	  Signatures of requests to object stores: AWS Signature Version 4, and
 *	  GOOG4-HMAC-SHA256, which differs from it in a few words only.
 *
 * Not CURLOPT_AWS_SIGV4: before curl 8.19 it signs some keys, queries and
 * headers wrongly, it cannot follow the server's clock, and it does not know
 * Google's words.  These are pure functions: no clock, no network, no
 * settings, so that they can be tested with the published examples.
 *
 * Source: "Authenticating Requests (AWS Signature Version 4)", Amazon S3 API
 * Reference; "Signatures", Cloud Storage XML API.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_SIGV4_H
#define NEX_SIGV4_H

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include "buffer.h"
#include "http.h"

typedef enum SigDialect
{
	SIG_AWS4,
	SIG_GOOG4
} SigDialect;

/* Whose request it is, and for which service.  A token, if any, is a header of the request. */
typedef struct SigCredentials
{
	SigDialect dialect;
	const char *access_key;
	const char *secret_key;
	const char *region;
	const char *service; /* "s3", "sts" */
} SigCredentials;

/*
 * What is signed.  Headers that proxies change (Accept-Encoding, User-Agent,
 * Expect, Connection) do not belong here; host and the date header do.
 */
typedef struct SigRequest
{
	const char *method;
	const char *path; /* begins with a slash; here and in the pairs nothing is encoded */
	const HttpPair *query;
	size_t query_count;
	const HttpPair *headers;
	size_t header_count;
	const char *payload_sha256; /* 64 hex digits, also when there is no payload */
	time_t when;                /* by the clock of the server */
} SigRequest;

/* The value of x-amz-date or x-goog-date, which must be among the headers: "20130524T000000Z". */
#define SIG_TIME_SIZE 17
extern void sig_time(time_t when, char text[SIG_TIME_SIZE]);

/*
 * Append the path with the query as they have to be sent, that is, exactly as
 * they are signed.
 */
extern void sig_append_target(const SigRequest *request, Buffer *out);

/*
 * Append the value of the header Authorization.  False, and nothing appended,
 * if OpenSSL refuses.
 */
extern bool sig_append_authorization(const SigCredentials *credentials, const SigRequest *request,
									 Buffer *out);

#endif /* NEX_SIGV4_H */
