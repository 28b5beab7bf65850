/*-------------------------------------------------------------------------
 *
 * s3.h
 *	  Buckets of S3 and its compatibles.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_S3_H
#define NEX_S3_H

#include "bucket_dialect.h"
#include "sigv4.h"

extern const BucketDialect s3_dialect;

/* What is the same in Google's XML interface. */
extern const ListWords s3_list_words;
extern const ErrorTable s3_errors;

/*
 * Sign a request in one of the dialects of Signature Version 4; `server` is
 * the one to ask if the address names none.
 */
extern bool s3_sign_for(SigDialect dialect, const BucketAddress *address, const char *server,
						const BucketRequest *request, const Signing *signing, WireRequest *wire);

/* s3_batch.c */
extern StoreResult s3_remove_batch(BucketSession *session, Leases *leases, char *const *keys,
								   char *const *versions, size_t count, StoreResult *results);

#endif /* NEX_S3_H */
