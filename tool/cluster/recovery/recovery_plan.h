/*-------------------------------------------------------------------------
 *
 * recovery_plan.h
 *	  From which base backup, and over which WAL, a cluster comes to the moment
 *	  that somebody wants; with the proof that it can.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_RECOVERY_PLAN_H
#define NEX_RECOVERY_PLAN_H

#include "recovery_path.h"
#include "recovery_target.h"
#include "repository.h"

typedef struct Settings Settings;

typedef struct RecoveryPlan
{
	RecoveryTarget target;
	BackupName name; /* of the base backup */
	Manifest *base;
	WalInventory inventory;
	RecoveryPath path;
	uint64_t last_segment; /* that recovery needs */
	bool found;            /* a record at which the server stops; not of END and IMMEDIATE */
	bool too_late;         /* … or it would stop before the base backup is consistent */
	WalEvent at;           /* that one */
	bool has_last;
	WalEvent last; /* the last transaction that will be there, as far as it was looked for */
	bool has_newest;
	WalEvent newest; /* the last one in the archive, on this path */
} RecoveryPlan;

/*
 * Make one, of the base backup that a text names, or of the one that fits best
 * (NULL).  False (reported) if the moment cannot be reached.  To be freed in any
 * case.
 */
extern bool recovery_plan_make(const Settings *settings, Repository *repository, const char *base,
							   RecoveryPlan *plan);
extern void recovery_plan_free(RecoveryPlan *plan);

/* Bytes of WAL that are fetched, as they are stored. */
extern uint64_t recovery_plan_wal_bytes(const RecoveryPlan *plan);

#endif /* NEX_RECOVERY_PLAN_H */
