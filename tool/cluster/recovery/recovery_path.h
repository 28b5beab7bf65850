/*-------------------------------------------------------------------------
 *
 * recovery_path.h
 *	  The segments of WAL that a recovery replays: from the beginning of a base
 *	  backup, over the timelines that lead to another one, to the end of what is
 *	  archived.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_RECOVERY_PATH_H
#define NEX_RECOVERY_PATH_H

#include "manifest.h"
#include "wal_inventory.h"

/* A timeline of the path: it counts from there to where the next one begins. */
typedef struct PathStep
{
	uint32_t timeline;
	uint64_t begin;
} PathStep;

typedef struct RecoveryPath
{
	const WalInventory *inventory;
	PathStep *steps; /* the oldest first */
	int count;
	uint64_t first; /* number of the segment in which the base backup begins */
	uint64_t last;  /* of the last one that is there without a gap; less than `first` if none is */
} RecoveryPath;

/*
 * The path along a timeline to which the base backup leads (base_choice.h).  NULL, or what WAL
 * that the base backup needs is not there; caller frees.
 */
extern char *recovery_path_find(const WalInventory *inventory, const Manifest *base,
								uint32_t timeline, RecoveryPath *path);
extern void recovery_path_free(RecoveryPath *path);

/* The name of a segment on the path, which need not be there. */
extern void recovery_path_name(const RecoveryPath *path, uint64_t number, WalName *name);

/* The file of a segment on the path; NULL if there is none. */
extern const WalFile *recovery_path_segment(const RecoveryPath *path, uint64_t number);

/* Is there any segment behind the last one, so that some are missing between?  Its number, or 0. */
extern uint64_t recovery_path_behind_gap(const RecoveryPath *path);

/*
 * The file that a server takes for the segment behind the last one though it does not belong to the
 * path: an older timeline wrote it, which was left for that of *step before.  NULL: none.
 */
extern const WalFile *recovery_path_left(const RecoveryPath *path, const PathStep **step);

#endif /* NEX_RECOVERY_PATH_H */
