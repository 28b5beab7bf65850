/*-------------------------------------------------------------------------
 *
 * moment_backup.h
 *	  The backup of a database of the private server.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_MOMENT_BACKUP_H
#define NEX_MOMENT_BACKUP_H

#include "moment_state.h"

/* For so many sessions the server must have room. */
extern int moment_backup_sessions(const Settings *settings);

/* Make it, in a new repository beside the server's files.  False (reported) on failure. */
extern bool moment_backup(Moment *moment, const char *database);

#endif /* NEX_MOMENT_BACKUP_H */
