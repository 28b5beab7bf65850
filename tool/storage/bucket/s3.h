/*-------------------------------------------------------------------------
 *
 * s3.h
 *	  A repository in a bucket: S3, its compatibles, and Google Cloud Storage
 *	  by its XML interface.
 *
 * What differs from a directory: a PUT is whole or not at all, and lasts when
 * it is answered, so there is nothing to be made durable; directories are
 * beginnings of names; locks are leases.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_S3_H
#define NEX_S3_H

#include "s3_request.h"
#include "storage.h"

/*
 * A repository in the bucket that `address` names, below `prefix`: "" or
 * "a/b".  Nothing is sent yet.  Options, source and its argument must live as
 * long, the rest is copied.
 */
extern Storage *s3_storage_open(const S3Address *address, const char *prefix,
								const HttpOptions *options, S3KeySource source,
								void *source_argument);

#endif /* NEX_S3_H */
