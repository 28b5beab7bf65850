/*-------------------------------------------------------------------------
 *
 * server_draft.h
 *	  Beginning the backup of something that a server has.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_SERVER_DRAFT_H
#define NEX_SERVER_DRAFT_H

#include "connection.h"
#include "draft.h"

/*
 * Begin a draft whose manifest says already which server it is of.  False (reported) on
 * failure, also if that server is not the one whose backups the repository has,
 * or a standby that is behind the latest of them.
 */
extern bool server_draft_begin(BackupDraft *draft, Repository *repository, Connection *connection,
							   const BackupSettings *settings);

#endif /* NEX_SERVER_DRAFT_H */
