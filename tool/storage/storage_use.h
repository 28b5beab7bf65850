/*-------------------------------------------------------------------------
 *
 * storage_use.h
 *	  What can be said in terms of a Storage's operations, whichever it is.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_STORAGE_USE_H
#define NEX_STORAGE_USE_H

#include "storage.h"

/* Append a whole file; STORE_DAMAGED if it is larger than `limit`. */
extern StoreResult storage_read(Storage *storage, const char *path, uint64_t limit,
								Buffer *content);

/* Exactly `length` bytes from `offset`; of no byte, whether it can be opened. */
extern StoreResult storage_read_range(Storage *storage, const char *path, uint64_t offset,
									  uint64_t length, char *into);

/* Replace a file by what is durable when this returns. */
extern StoreResult storage_write(Storage *storage, const char *path, const void *content,
								 uint64_t length);

/*
 * The same for a small one.  If it is there afterwards, but a crash of the
 * machine may take it away again, that is good, and *not_lasting says why;
 * otherwise *not_lasting is good, too.
 */
extern StoreResult storage_write_lasting(Storage *storage, const char *path, const void *content,
										 uint64_t length, StoreResult *not_lasting);

/* Remove one file; for_good: also after a crash of the machine, even if it was gone before. */
extern StoreResult storage_remove(Storage *storage, const char *path, bool for_good);

/* So many requests at the same time are of use; 1: an answer is there at once. */
extern size_t storage_requests(const Storage *storage);

/* Are all of these locks alive?  NULL is fine. */
extern bool storage_locks_alive(Storage *storage, const StoreLock *const *locks, size_t count);

/* Is there a file?  STORE_ABSENT if not. */
extern StoreResult storage_look(Storage *storage, const char *path);

/* For a FileListing that leaves nothing out. */
extern bool storage_wants_all(const char *name, void *argument);

#endif /* NEX_STORAGE_USE_H */
