/*-------------------------------------------------------------------------
 *
 * look_storage.h
 *	  A bucket for a command that looks at it once, and ends; or an SFTP server's directory, for
 *	  the part of a command that does.
 *
 * What is in the directories that hold the files of backups is asked for once,
 * all of a directory and what is below it, and holds until the end.  Then what
 * is not listed is not there, without a request, and what is listed in a version that
 * was read before is read from this machine (file_cache.h).  Objects are never asked for that way:
 * there are many, and nobody reads one twice.
 *
 * On an SFTP server files have no versions.  There each directory is listed by itself, once, and
 * a file that is read whole is remembered.
 *
 * Not for a command that changes something, or waits: it must see what others do.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_LOOK_STORAGE_H
#define NEX_LOOK_STORAGE_H

#include "storage.h"

/*
 * List these directories at the same time, with what is in the directories in them, which others
 * would otherwise ask for one after the other.
 */
extern void look_storage_ahead(Storage *storage, char *const *directories, size_t count);

/* The look ends, and the storage is as it was; close() closes that, too. */
extern Storage *look_storage_end(Storage *storage);

/*
 * Takes the storage over; the directory is that of file_cache_open().  parts: whoever asks for the
 * beginning of a file needs no more of it; else it is read whole, as the rest will follow.
 */
extern Storage *look_storage(Storage *storage, const char *state_directory, bool parts);

#endif /* NEX_LOOK_STORAGE_H */
