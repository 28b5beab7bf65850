/*-------------------------------------------------------------------------
 *
 * posix_list.h
 *	  Listing directories.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_POSIX_LIST_H
#define NEX_POSIX_LIST_H

#include "posix_storage.h"

extern StoreResult posix_list(Storage *storage, const char *path, StorageVisitor visitor,
							  void *argument);
extern StoreResult posix_list_files(Storage *storage, const char *path, const FileListing *listing);

#endif /* NEX_POSIX_LIST_H */
