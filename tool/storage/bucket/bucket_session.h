/*-------------------------------------------------------------------------
 *
 * bucket_session.h
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
#ifndef NEX_BUCKET_SESSION_H
#define NEX_BUCKET_SESSION_H

#include "bucket_dialect.h"
#include "store_result.h"

/*
 * All that is given must live as long, except the address, which is copied.
 * `patience` in seconds.
 */
extern BucketSession *bucket_session_open(const BucketDialect *dialect,
										  const BucketAddress *address, const HttpOptions *options,
										  int patience, KeySource source, void *source_argument);
extern void bucket_session_close(BucketSession *session);

typedef struct BucketReply
{
	StoreResult result;
	bool maybe_done; /* an earlier try of it, whose answer was lost, may have been carried out */
	HttpAnswer answer;
} BucketReply;

extern void bucket_reply_init(BucketReply *reply);
extern void bucket_reply_free(BucketReply *reply);

/* Send it; true if reply->result is good. */
extern bool bucket_send(BucketSession *session, const BucketRequest *request, BucketReply *reply);

/* Seconds by which the server's clock is ahead of ours, once it has told. */
extern long bucket_clock_difference(BucketSession *session);

#endif /* NEX_BUCKET_SESSION_H */
