/*-------------------------------------------------------------------------
 *
 * expire.h
 *	  Expiry: remove the backups that no keep rule needs, then the objects
 *	  that no backup needs.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_EXPIRE_H
#define NEX_EXPIRE_H

#include "leftovers.h"
#include "repository.h"
#include "retention.h"

typedef struct ExpireSettings ExpireSettings;

typedef struct ExpireRequest
{
	Repository *repository; /* and of it the server that is meant */
	const ExpireSettings *keep;
	const char *database; /* as people name it; NULL: all that the server has */
	bool clusters; /* base backups alone: of the system that `database` names, or the only one */
	bool dry_run;  /* only say what would be removed */
	bool single_writer; /* nobody else writes: it can do without a lock that cannot be had */
} ExpireRequest;

typedef struct ExpireResult
{
	bool decided;               /* what follows is known */
	BackupName *names;          /* that the rules were for */
	RetentionBackup *backups;   /* what was decided; same positions as names */
	int count;                  /* of both */
	int nremoved;               /* backups removed, or that would be */
	int nlocked;                /* … that the storage does not let anybody remove yet */
	Leftovers leftovers;        /* removed, or that would be */
	bool hidden;                /* what is removed is not gone: the storage keeps it */
	const char *objects_reason; /* why objects were left alone, or NULL */
	double in_use_since; /* if they were since the repository is in use: since when at each expire;
							else 0 */
} ExpireResult;

/* False (reported) on failure.  expire_result_free() in any case. */
extern bool expire_run(const ExpireRequest *request, ExpireResult *result);

extern void expire_result_free(ExpireResult *result);

#endif /* NEX_EXPIRE_H */
