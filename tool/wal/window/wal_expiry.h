/*-------------------------------------------------------------------------
 *
 * wal_expiry.h
 *	  Expiry of base backups together with the WAL behind them.
 *
 * WAL is removed as other leftovers are: after the manifests, under the
 * exclusive lock, and where that can be lost, a day after it was first found
 * unneeded.  No index of it is there to be kept; what a killed expire has left
 * is found by the next one.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_WAL_EXPIRY_H
#define NEX_WAL_EXPIRY_H

#include "expire.h"

/*
 * Of the servers whose base backups the rules are for.  WAL of a server that has no good base
 * backup is left alone.
 */
extern const ExpireWal wal_expiry;

#endif /* NEX_WAL_EXPIRY_H */
