/*-------------------------------------------------------------------------
 *
 * s3_request.h
 *	  Signed requests to one bucket, from any number of threads.
 *
 * A request is signed when it is sent, and again each time it is sent again:
 * a signature is good for 15 minutes.  What can be put right without anybody's
 * help (an expired token, a clock that differs, another region) is, once, and
 * the request is sent again.  What takes patience (an overloaded or unreachable
 * server, a lost answer) is tried again as request_tries.h says: all requests to a
 * bucket may be repeated, and a condition that fails then is the caller's to
 * interpret.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_S3_REQUEST_H
#define NEX_S3_REQUEST_H

#include "http.h"
#include "sigv4.h"
#include "store_result.h"

/* Keys as they are at the moment; all to be freed. */
typedef struct S3Keys
{
	char *access_key;
	char *secret_key;
	char *token;    /* NULL: none */
	double expires; /* seconds since 1970; 0: never */
} S3Keys;

extern void s3_keys_free(S3Keys *keys);

/*
 * Get the keys, new ones if `renew`.  False with *problem (to be freed).
 * Called by one thread at a time.
 */
typedef bool (*S3KeySource)(void *argument, bool renew, S3Keys *keys, char **problem);

typedef struct S3Address
{
	SigDialect dialect;
	const char *scheme;    /* "https" */
	const char *authority; /* "host:port"; NULL: the server of AWS for the region */
	const char *bucket;
	bool bucket_in_host; /* https://bucket.host/key, not https://host/bucket/key */
	const char *region;  /* where the bucket is, as far as known */
} S3Address;

typedef struct S3Session S3Session;

/*
 * All that is given must live as long, except the address, which is copied.
 * `patience` in seconds.
 */
extern S3Session *s3_session_open(const S3Address *address, const HttpOptions *options,
								  int patience, S3KeySource source, void *source_argument);
extern void s3_session_close(S3Session *session);

typedef struct S3Request
{
	const char *method;
	const char *key; /* not encoded; "" for the bucket */
	const SigPair *query;
	size_t query_count;
	const SigPair *headers; /* besides those of every request: in lower case; all are signed */
	size_t header_count;
	const void *body;
	size_t body_length;
	const char *body_sha256; /* NULL: it is computed */
	const char *root;        /* see s3_judge() */
	HttpSink sink; /* for the content of an object; from its start again if it is sent again */
	void *argument;
	bool after_stop;               /* see HttpRequest */
	void (*again)(void *argument); /* forget what the sink has taken; may be NULL without a sink */
} S3Request;

typedef struct S3Reply
{
	StoreResult result;
	bool maybe_done; /* an earlier try of it, whose answer was lost, may have been carried out */
	HttpAnswer answer;
} S3Reply;

extern void s3_reply_init(S3Reply *reply);
extern void s3_reply_free(S3Reply *reply);

/* Send it; true if reply->result is good. */
extern bool s3_send(S3Session *session, const S3Request *request, S3Reply *reply);

/* Seconds by which the server's clock is ahead of ours, once it has told. */
extern long s3_clock_difference(S3Session *session);

#endif /* NEX_S3_REQUEST_H */
