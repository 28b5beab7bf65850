/*-------------------------------------------------------------------------
 *
 * posix_barrier.h
 *	  Making files durable.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_POSIX_BARRIER_H
#define NEX_POSIX_BARRIER_H

#include "posix_storage.h"

/*
 * Make the entry of a file and of every directory above it durable, whoever
 * created them: an earlier process may have died between mkdir and fsync.
 */
extern int posix_sync_parents(Storage *storage, const char *path);

extern StoreResult posix_barrier(Storage *storage, char *const *paths, size_t count, int threads,
								 char **failed);

#endif /* NEX_POSIX_BARRIER_H */
