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

#endif /* NEX_SOURCE_OPEN_H */
