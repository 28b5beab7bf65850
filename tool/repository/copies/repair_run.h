/*-------------------------------------------------------------------------
 *
 * repair_run.h
 *	  Bring back what is missing or damaged in a repository from another place
 *	  of it.
 *
 * What is damaged is what the listing shows (missing, of another length), what
 * somebody found (bad_objects.h), and manifests and lists of digests that are
 * wrong.  Damage that nobody has found yet, a verification finds; nothing is read here
 * that is thought to be good.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_REPAIR_RUN_H
#define NEX_REPAIR_RUN_H

#include "repository.h"

typedef enum RepairState
{
	REPAIR_NOT_NEEDED,
	REPAIR_PENDING, /* a dry run: it would be done */
	REPAIR_DONE,
	REPAIR_FAILED /* not all of it could be brought back */
} RepairState;

/* What has become of one backup. */
typedef struct RepairedBackup
{
	const BackupName *name;
	RepairState state;
	bool manifest; /* was brought back, or would be */
	bool listing;
	uint64_t objects;
	uint64_t bytes;
	uint64_t shared; /* objects that were brought for an earlier one, and it needs, too */
	uint64_t lost;   /* objects that are good in neither place */
} RepairedBackup;

typedef struct RepairRequest
{
	Repository *to; /* that is repaired */
	Repository *from;
	int threads;
	bool dry_run;

	/* Told of each backup that is there. */
	void (*repaired)(const RepairedBackup *backup, void *argument);
	void *argument;
} RepairRequest;

/*
 * Repair these backups, which are in the order of repository_list().  False
 * (reported) if something stays missing or damaged.
 */
extern bool repair_run(const RepairRequest *request, const BackupName *names, int count);

#endif /* NEX_REPAIR_RUN_H */
