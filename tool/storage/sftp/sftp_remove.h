/*-------------------------------------------------------------------------
 *
 * sftp_remove.h
 *	  Remove files on an SFTP server.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_SFTP_REMOVE_H
#define NEX_SFTP_REMOVE_H

#include "sftp_storage.h"

extern void sftp_remove_many(Storage *storage, char *const *paths, size_t count,
							 StoreRemoved removed, void *argument);

/* One, whatever leases are held. */
extern StoreResult sftp_remove(SftpStorage *sftp, const char *path);

#endif /* NEX_SFTP_REMOVE_H */
