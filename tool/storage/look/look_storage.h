/*-------------------------------------------------------------------------
 *
 * look_storage.h
 *	  A bucket for a command that looks at it once, and ends.
 *
 * What is in the directories that hold the files of backups is asked for once,
 * all of a directory and what is below it, and holds until the end.  Then what
 * is not listed is not there, without a request, and what is listed in a version that
 * was read before is read from this machine (file_cache.h).  Objects are never asked for that way:
 * there are many, and nobody reads one twice.
 *
 * Not for a command that changes something, or waits: it must see what others do.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_LOOK_STORAGE_H
#define NEX_LOOK_STORAGE_H

#include "storage.h"

/* Takes the storage over; the directory is that of file_cache_open(). */
extern Storage *look_storage(Storage *storage, const char *state_directory);

#endif /* NEX_LOOK_STORAGE_H */
