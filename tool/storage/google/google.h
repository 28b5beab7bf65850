/*-------------------------------------------------------------------------
 *
 * google.h
 *	  Buckets of Google Cloud Storage, by its XML interface.
 *
 * That is S3's in other words: headers begin with "x-goog-", and versions of
 * objects are numbers, by which conditions go.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_GOOGLE_H
#define NEX_GOOGLE_H

#include "bucket_dialect.h"

extern const BucketDialect google_dialect;

#endif /* NEX_GOOGLE_H */
