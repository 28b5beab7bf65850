/*-------------------------------------------------------------------------
 *
 * nex_backup.h
 *	  What the files of the server module share.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_BACKUP_MODULE_H
#define NEX_BACKUP_MODULE_H

#include "postgres.h"

/* repository_file.c */

/* ERROR unless the current user may read server files. */
extern void check_may_read_server_files(void);

/*
 * Full path of a file in a repository (palloc'd).  ERROR unless the
 * repository is an absolute path and the file's name is one that a
 * repository can have, so that nothing outside of it is ever opened.
 */
extern char *repository_file_path(const char *repository, const char *file);

#endif /* NEX_BACKUP_MODULE_H */
