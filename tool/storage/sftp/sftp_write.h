/*-------------------------------------------------------------------------
 *
 * sftp_write.h
 *	  Write files on an SFTP server.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_SFTP_WRITE_H
#define NEX_SFTP_WRITE_H

#include "sftp_storage.h"

extern StoreResult sftp_put(Storage *storage, const char *path, const void *content,
							uint64_t length, const PutOptions *options);

#endif /* NEX_SFTP_WRITE_H */
