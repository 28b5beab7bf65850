/*-------------------------------------------------------------------------
 *
 * sftp_lease.h
 *	  Locks on an SFTP server.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_SFTP_LEASE_H
#define NEX_SFTP_LEASE_H

#include "sftp_storage.h"

extern LeaseStore sftp_lease_store(SftpStorage *sftp);
extern StoreResult sftp_lock(Storage *storage, const char *path, LockMode mode, StoreLock **lock);
extern bool sftp_lock_alive(Storage *storage, const StoreLock *lock);
extern void sftp_unlock(Storage *storage, StoreLock *lock);

#endif /* NEX_SFTP_LEASE_H */
