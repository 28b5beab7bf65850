/*-------------------------------------------------------------------------
 *
 * sftp_fill.h
 *	  New files on an SFTP server, and their content.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_SFTP_FILL_H
#define NEX_SFTP_FILL_H

#include "sftp_storage.h"

/*
 * Write a file under a name that nothing has yet, in a directory that is there:
 * STORE_EXISTS, STORE_ABSENT.  `unless`: nor if this is there; NULL for nothing.  What it has begun
 * and not finished it removes. `lasting`: fsync, where the server has it.
 */
extern StoreResult sftp_write_new(SftpSession *session, SftpStorage *sftp, const char *path,
								  const char *unless, const void *content, uint64_t length,
								  bool lasting);

/* Have that done in a directory that is made if it must be. */
extern StoreResult sftp_write_new_made(SftpSession *session, SftpStorage *sftp, const char *path,
									   const char *unless, const void *content, uint64_t length,
									   bool lasting);

/* Write the content of an open file from its start, and close it. */
extern StoreResult sftp_fill(SftpSession *session, SftpStorage *sftp, const Buffer *handle,
							 const void *content, uint64_t length, bool lasting);

#endif /* NEX_SFTP_FILL_H */
