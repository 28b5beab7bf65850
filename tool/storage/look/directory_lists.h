/*-------------------------------------------------------------------------
 *
 * directory_lists.h
 *	  What directories hold, each listed once.
 *
 * One by one, where look_storage.h cannot have all that is below a directory by one
 * request: in an SFTP server's, and in those that hold objects, too.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_DIRECTORY_LISTS_H
#define NEX_DIRECTORY_LISTS_H

#include "storage.h"

typedef struct DirectoryLists DirectoryLists;

/* Of a storage, which must live as long. */
extern DirectoryLists *directory_lists_create(Storage *storage);
extern void directory_lists_free(DirectoryLists *lists);

/* Visit the names in a directory as the storage does; it is asked the first time. */
extern StoreResult directory_lists_visit(DirectoryLists *lists, const char *path,
										 StorageVisitor visitor, void *argument);

/* Do lists that were made before show that nothing has this path? */
extern bool directory_lists_lack(DirectoryLists *lists, const char *path);

/* List these at the same time; of those whose path ends in '/', also the directories in them. */
extern void directory_lists_ahead(DirectoryLists *lists, char *const *paths, size_t count);

#endif /* NEX_DIRECTORY_LISTS_H */
