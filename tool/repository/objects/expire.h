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
typedef struct ExpireRequest ExpireRequest;
typedef struct ExpireResult ExpireResult;

/* What base backups need beside their objects is for others to decide: wal_expiry.h. */
typedef struct ExpireWal
{
	/* Keep more backups than the rules do.  False (reported) if that cannot be decided. */
	bool (*keep)(const ExpireRequest *request, ExpireResult *result);

	/* Add to the leftovers what these, which are left, do not need.  False: reported. */
	bool (*find)(const ExpireRequest *request, const BackupName *left, int count,
				 ExpireResult *result);
} ExpireWal;

/* WAL of one timeline that no base backup needs, which may have to wait. */
typedef struct ExpiredWal
{
	uint64_t system_identifier;
	uint32_t timeline;
	char first[32]; /* names of segments */
	char last[32];
	uint64_t segments;
	uint64_t bytes;
} ExpiredWal;

struct ExpireRequest
{
	Repository *repository; /* and of it the server that is meant */
	const ExpireSettings *keep;
	const char *database; /* as people name it; NULL: all that the server has */
	bool clusters; /* base backups alone: of the system that `database` names, or the only one */
	bool dry_run;  /* only say what would be removed */
	bool single_writer; /* nobody else writes: it can do without a lock that cannot be had */
	const ExpireWal *wal;
};

struct ExpireResult
{
	bool decided;             /* what follows is known */
	BackupName *names;        /* that the rules were for */
	RetentionBackup *backups; /* what was decided; same positions as names */
	int count;                /* of both */
	int nremoved;             /* backups removed, or that would be */
	int nlocked;              /* … that the storage does not let anybody remove yet */
	Leftovers leftovers;      /* removed, or that would be */
	bool hidden;              /* what is removed is not gone: the storage keeps it */
	ExpiredWal *wal;
	size_t nwal;
	const char *wal_reason;     /* why WAL was left alone, or NULL */
	const char *objects_reason; /* why objects were, or NULL */
	double in_use_since; /* if they were since the repository is in use: since when at each expire;
							else 0 */
};

/* False (reported) on failure.  expire_result_free() in any case. */
extern bool expire_run(const ExpireRequest *request, ExpireResult *result);

extern void expire_result_free(ExpireResult *result);

#endif /* NEX_EXPIRE_H */
