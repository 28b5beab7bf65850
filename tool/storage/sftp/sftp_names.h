/*-------------------------------------------------------------------------
 *
 * sftp_names.h
 *	  Give files on an SFTP server their names.
 *
 * Version 3 of the protocol knows a rename that refuses to replace, but not
 * every server refuses; OpenSSH's extensions say what they do.  What a server
 * cannot do is found out, once, and said, once.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_SFTP_NAMES_H
#define NEX_SFTP_NAMES_H

#include "sftp_storage.h"

/* Give a file another name; STORE_EXISTS if that is taken. */
extern StoreResult sftp_rename_new(SftpSession *session, SftpStorage *sftp, const char *from,
								   const char *to);

/* The same, in the place of what has that name. */
extern StoreResult sftp_rename_over(SftpSession *session, SftpStorage *sftp, const char *from,
									const char *to);

/* Find out how a new name can be given here. */
extern StoreResult sftp_try_names(SftpSession *session, SftpStorage *sftp, const char *path);

#endif /* NEX_SFTP_NAMES_H */
