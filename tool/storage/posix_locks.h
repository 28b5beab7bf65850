/*-------------------------------------------------------------------------
 *
 * posix_locks.h
 *	  Locks on files.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_POSIX_LOCKS_H
#define NEX_POSIX_LOCKS_H

#include "posix_storage.h"

extern StoreResult posix_lock(Storage *storage, const char *path, LockMode mode, StoreLock **lock);
extern bool posix_lock_alive(Storage *storage, const StoreLock *lock);
extern void posix_unlock(Storage *storage, StoreLock *lock);

#endif /* NEX_POSIX_LOCKS_H */
