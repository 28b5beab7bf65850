/*-------------------------------------------------------------------------
 *
 * sftp_read.h
 *	  Read files on an SFTP server.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_SFTP_READ_H
#define NEX_SFTP_READ_H

#include "sftp_storage.h"

extern StoreResult sftp_get(Storage *storage, const char *path, uint64_t offset, uint64_t length,
							StoreReader **reader, StoreInfo *info);
extern StoreResult sftp_head(Storage *storage, const char *path, StoreInfo *info);

/* Append a small file, and its attributes; STORE_DAMAGED if it is larger than `limit`. */
extern StoreResult sftp_read_file(SftpSession *session, SftpStorage *sftp, const char *path,
								  uint64_t limit, Buffer *content, SftpAttributes *attributes);

/*
 * The same for what was a file a moment ago: it is looked at and opened at the same time.
 * `handle`, which is empty, receives that of the file, open for writing as well; NULL: it is not.
 */
extern StoreResult sftp_read_again(SftpSession *session, SftpStorage *sftp, const char *path,
								   uint64_t limit, Buffer *content, SftpAttributes *attributes,
								   Buffer *handle);

#endif /* NEX_SFTP_READ_H */
