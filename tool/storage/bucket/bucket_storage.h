/*-------------------------------------------------------------------------
 *
 * bucket_storage.h
 *	  What the sources behind bucket.h share; bucket.h is for all others.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_BUCKET_STORAGE_H
#define NEX_BUCKET_STORAGE_H

#include <stdatomic.h>

#include "bucket_session.h"
#include "lease.h"
#include "platform_service.h"
#include "storage.h"

typedef struct BucketStorage
{
	Storage storage; /* first, so that each is the other */
	const BucketDialect *dialect;
	BucketSession *session;
	char *prefix; /* "" or "a/b/" */
	char *location;
	char *place; /* NULL: the provider has one server */
	HttpOptions options;
	KeyChoice choice;
	_Atomic bool keeps_versions;   /* of what is replaced or removed, as an answer has shown */
	struct BucketHistory *history; /* NULL: as it is now */
	LeaseStore lease_store;
	Leases *leases;
} BucketStorage;

/* So many requests hide the time that one of them is on its way. */
#define BUCKET_REQUESTS 16

/* The key of a path of the repository; "." is all of it.  Caller frees. */
extern char *bucket_key(const BucketStorage *bucket, const char *path);

/* Send a request for a path: its key is set here.  The result is reply->result. */
extern StoreResult bucket_send_for(BucketStorage *bucket, const char *path,
								   const BucketRequest *request, BucketReply *reply);

#endif /* NEX_BUCKET_STORAGE_H */
