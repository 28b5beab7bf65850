/*-------------------------------------------------------------------------
 *
 * backup_list.h
 *	  Which backups a repository holds.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_BACKUP_LIST_H
#define NEX_BACKUP_LIST_H

#include "backup_name.h"
#include "repository_state.h"

/*
 * The backups of an owner, or of all (NULL), ordered by server (main first), database, and id
 * (oldest first); the globals of each come first, sets of files and base backups last.
 * False (reported) on an I/O error.  Of all, what cannot be looked at is left out; it has been
 * named by a warning, and unclear_report() says whether there was any.  Caller frees *names.
 */
extern bool repository_list(Repository *repository, const Owner *owner, BackupName **names,
							int *count);

/* Those of an owner, for whoever goes on if they cannot be listed: that is a warning. */
extern bool repository_list_readable(Repository *repository, const Owner *owner, BackupName **names,
									 int *count);

/*
 * Those of one server, or of all, sets of files and base backups included (NULL).  Of several
 * places those that can be looked at: nobody chooses one of them as the latest.
 */
extern bool repository_list_server(Repository *repository, const char *server, BackupName **names,
								   int *count);

/* Those of a set of files, or of all sets (NULL). */
extern bool repository_list_sets(Repository *repository, const char *set, BackupName **names,
								 int *count);

/* Base backups of one system identifier (16 hex digits), or of all (NULL). */
extern bool repository_list_clusters(Repository *repository, const char *system, BackupName **names,
									 int *count);

#endif /* NEX_BACKUP_LIST_H */
