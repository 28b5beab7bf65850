/*-------------------------------------------------------------------------
 *
 * azure.h
 *	  Containers of Azure Blob Storage.
 *
 * Locks are the same leases as in every bucket, not Azure's own ones on blobs.
 * Those end after a minute, so that a network that is away for as long loses
 * them; nobody can share them; and they protect the blob that is leased, not
 * the objects of the repository, so that they are no safer.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_AZURE_H
#define NEX_AZURE_H

#include "bucket_dialect.h"

extern const BucketDialect azure_dialect;

/* azure_errors.c */
extern const ErrorTable azure_errors;

#endif /* NEX_AZURE_H */
