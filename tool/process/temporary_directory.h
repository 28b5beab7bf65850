/*-------------------------------------------------------------------------
 *
 * temporary_directory.h
 *	  Private directories for what child programs write and read: scripts,
 *	  archives, and passfiles.
 *
 * A process that is killed leaves its directory behind, and in it perhaps a
 * password.  So the name holds the process id, by which such a directory is
 * found again.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_TEMPORARY_DIRECTORY_H
#define NEX_TEMPORARY_DIRECTORY_H

/* A private directory (0700) under TMPDIR; removed with the files in it (no folders). */
extern char *temporary_directory_create(void);
extern void temporary_directory_remove(char *path);

/* Empty and remove all that this process has, as it ends now. */
extern void temporary_directories_remove_ours(void);

/* The same for lack of memory, when the thread that asks may be in the midst of anything. */
extern void temporary_directories_remove_last(void);

/* Visit those of our user whose process is gone. */
extern void temporary_directories_left(void (*visit)(const char *path, void *argument),
									   void *argument);

#endif /* NEX_TEMPORARY_DIRECTORY_H */
