/*-------------------------------------------------------------------------
 *
 * held_directories.h
 *	  Which directories have held something: a disk that is not mounted leaves
 *	  an empty directory, and so do a process that was killed and a new disk.
 *
 * So what was published is noted beside, in an empty file of the directory's
 * name in lock/held: that lies on another disk if one is mounted further down.
 * The note may be lost, as anything in lock; then an empty directory only
 * means what it means to expire, which removes nothing.  That what has held
 * files is not there at all says nothing: somebody gave it up.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_HELD_DIRECTORIES_H
#define NEX_HELD_DIRECTORIES_H

#include "storage.h"

#define HELD_DIRECTORY "lock/held"

/* What a file system has at its top. */
#define LOST_AND_FOUND "lost+found/"

/* Note that there is something in a directory that shall not be gone again. */
extern void held_note(Storage *storage, const char *directory);

/* Is a directory there, and nothing in it?  Never in a bucket, where that cannot be. */
extern bool directory_is_empty(Storage *storage, const char *directory);

/* Has it, or one below it, held something, and is it there and empty? */
extern bool held_is_emptied(Storage *storage, const char *directory);

#endif /* NEX_HELD_DIRECTORIES_H */
