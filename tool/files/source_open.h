/*-------------------------------------------------------------------------
 *
 * source_open.h
 *	  Open a configuration file without being led to one of somebody else.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_SOURCE_OPEN_H
#define NEX_SOURCE_OPEN_H

#include <sys/types.h>

#define READER_IS_US ((uid_t) -1)

/*
 * Open for reading; -1 with errno.  *resolved is its path without links
 * (caller frees).  A link that belongs to neither root nor us is followed only
 * to a file of its owner: otherwise EPERM.
 *
 * With a reader, only what this user may read is opened, links or not.
 */
extern int source_open(const char *path, uid_t reader, char **resolved);

/*
 * Open to be read what was opened with O_PATH, if it is a regular file; -1
 * with errno otherwise, ELOOP for a symbolic link, EISDIR for all else.  That
 * very file, by way of /proc, as another one may have its name by now; and
 * nothing else, as to open and close a device can have an effect.
 */
extern int regular_file_reopen(int found);

#endif /* NEX_SOURCE_OPEN_H */
