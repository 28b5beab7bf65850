/*-------------------------------------------------------------------------
 *
 * globals_request.h
 *	  What a restore of the globals is asked for, and what came of it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_GLOBALS_REQUEST_H
#define NEX_GLOBALS_REQUEST_H

#include "backup_name.h"
#include "repository_state.h"

typedef struct Settings Settings;

/* Nothing changes it. */
typedef struct GlobalsRequest
{
	const Settings *settings; /* how, and the server */
	Repository *repository;

	/* What: GLOBALS_DATABASE (the latest) or "/ID" … */
	const char *backup;

	/* … or a backup that was chosen before. */
	const BackupName *of_cluster;
} GlobalsRequest;

typedef struct GlobalsResult
{
	BackupName backup;
	Manifest *manifest; /* NULL: it could not be read */
	int roles_created;
	int roles_altered;
	int roles_kept; /* they differ, and stay as they are */
	int roles_unchanged;
	int memberships;
	int tablespaces_created;
	int tablespaces_left; /* they exist, or --no-tablespaces */
} GlobalsResult;

typedef struct GlobalsRestore GlobalsRestore;

#endif /* NEX_GLOBALS_REQUEST_H */
