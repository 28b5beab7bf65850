/*-------------------------------------------------------------------------
 *
 * sftp_directories.h
 *	  The directories of a repository on an SFTP server: made, and looked at
 *	  before anything is done in them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_SFTP_DIRECTORIES_H
#define NEX_SFTP_DIRECTORIES_H

#include "sftp_storage.h"

/*
 * Are all directories above a path directories, and not links?  STORE_ABSENT if
 * one is not there.  `itself`: the path, too.
 */
extern StoreResult sftp_check_directories(SftpSession *session, SftpStorage *sftp, const char *path,
										  bool itself);

/* Make those above a path that are not there. */
extern StoreResult sftp_make_directories(SftpSession *session, SftpStorage *sftp, const char *path);

/*
 * A put has succeeded, or has failed: what was made for it stays, or goes again if it is empty.
 * An empty directory of manifests, or of WAL, means that what was there is lost (unclear.h).
 */
extern void sftp_keep_directories(SftpStorage *sftp, const char *path);
extern void sftp_unmake_directories(SftpStorage *sftp, const char *path);

/* It may be gone: look again. */
extern void sftp_forget_directory(SftpStorage *sftp, const char *path);

#endif /* NEX_SFTP_DIRECTORIES_H */
