/*-------------------------------------------------------------------------
 *
 * sftp_list.h
 *	  List a repository on an SFTP server.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_SFTP_LIST_H
#define NEX_SFTP_LIST_H

#include "sftp_storage.h"

extern StoreResult sftp_list(Storage *storage, const char *path, StorageVisitor visitor,
							 void *argument);
extern StoreResult sftp_list_files(Storage *storage, const char *path, const FileListing *listing);

#endif /* NEX_SFTP_LIST_H */
