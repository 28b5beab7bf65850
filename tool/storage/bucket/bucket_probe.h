/*-------------------------------------------------------------------------
 *
 * bucket_probe.h
 *	  What a bucket, and these credentials, can do: found out by trying.
 *
 * Servers that speak the same protocol differ, and no question tells whether
 * one of them ignores a condition.  Nothing is remembered: a server may be
 * another one the next day.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_BUCKET_PROBE_H
#define NEX_BUCKET_PROBE_H

#include "bucket_storage.h"

extern StoreResult bucket_probe(Storage *storage, StoreProbe *probe);

#endif /* NEX_BUCKET_PROBE_H */
