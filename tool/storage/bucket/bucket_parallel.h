/*-------------------------------------------------------------------------
 *
 * bucket_parallel.h
 *	  The same request for many objects, many at the same time.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_BUCKET_PARALLEL_H
#define NEX_BUCKET_PARALLEL_H

#include "bucket_storage.h"

typedef struct EachObject
{
	StoreResult (*request)(BucketStorage *bucket, const char *path, void *argument);
	void *argument;
	bool
		while_locked; /* it is right only while the leases are held, which are asked now and then */
} EachObject;

/*
 * A result for each path.  After one that is neither good nor of this very
 * object (absent, denied, locked), no others are begun: their number of tries is 0.
 */
extern void bucket_each_object(BucketStorage *bucket, char *const *paths, size_t count,
							   const EachObject *each, StoreResult *results);

#endif /* NEX_BUCKET_PARALLEL_H */
