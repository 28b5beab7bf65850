/*-------------------------------------------------------------------------
 *
 * restore_request.h
 *	  What a restore is asked for.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_RESTORE_REQUEST_H
#define NEX_RESTORE_REQUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "repository.h"

typedef struct Settings Settings;

/* What is about to be done, for somebody who must agree to it. */
typedef struct RestorePreview
{
	const char *database;
	bool replaces; /* `database` exists, and another one takes its place: */
	uint64_t live_bytes;
	int live_sessions; /* that are connected to it */
	const BackupName *backup;
	const char *snapshot_at;
} RestorePreview;

/* What, where and how; nothing changes it. */
typedef struct RestoreRequest
{
	const Settings *settings; /* how, and the server; what restores in common have asked for */
	Repository *repository;

	/* What: "DB[/ID]" … */
	const char *backup;
	const char *at; /* … of this time or before; NULL: now */

	/* … or a backup that was chosen before, of a database of a whole cluster. */
	const BackupName *of_cluster;

	const char *database; /* where; NULL: the name that it has in the backup */

	/* Asked before anything is changed; false (reported) ends the restore.  May be NULL. */
	bool (*agree)(const RestorePreview *preview, void *argument);
	void *argument;
} RestoreRequest;

#endif /* NEX_RESTORE_REQUEST_H */
