/*-------------------------------------------------------------------------
 *
 * wal_reach.h
 *	  What base backups and the WAL behind them reach: windows of moments.
 *
 * Pure functions over an inventory and what manifests say, so that years of
 * both can be tried in a unit test.  recovery_path.h finds the files of one
 * recovery by the same rule, name by name; here there are as many paths as
 * base backups times timelines, so whole ranges are asked.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_WAL_REACH_H
#define NEX_WAL_REACH_H

#include "backup_name.h"
#include "wal_inventory.h"

/* A base backup, as its manifest has it. */
typedef struct WalBase
{
	char id[BACKUP_ID_SIZE];
	uint32_t timeline;
	uint64_t start;
	uint64_t stop; /* from there on it is consistent … */
	double time;   /* … and this is the moment, in seconds since 1970 */
	bool good;     /* nothing of it is known to be damaged */
	int position;  /* among the names that it was found by */
} WalBase;

typedef struct WalBases
{
	WalBase *items; /* by timeline, then position: in this order they lie on any path */
	int count;
} WalBases;

/* All moments from the oldest of some base backups to the end of WAL without a gap. */
typedef struct WalWindow
{
	uint32_t timeline; /* to which a recovery goes */
	int oldest;        /* of the base backups … */
	int newest;        /* … from which it begins; good ones alone */
	int count;         /* of these */
	uint64_t first;    /* segment, of the timeline of the oldest one */
	uint64_t last;     /* segment, of this timeline */
	double age;        /* of the last one: seconds since it was stored; negative: not known */
} WalWindow;

typedef struct WalWindows
{
	WalWindow *items; /* by timeline, then segment */
	size_t count;
} WalWindows;

/* Is it known where a timeline comes from? */
extern bool wal_history_known(const WalInventory *inventory, uint32_t timeline);

/*
 * Does a timeline go on from the state of a base backup, or is it its own?  One of unknown history
 * may go on from any that has a lower number.
 */
extern bool wal_may_lead_to(const WalInventory *inventory, const WalBase *base, uint32_t timeline);

/*
 * Does a recovery from it come to a timeline of known history, and to where it is consistent?  Then
 * *last is the last segment before a gap, or the end.
 */
extern bool wal_reaches(const WalInventory *inventory, const WalBase *base, uint32_t timeline,
						uint64_t *last);

/* The numbers of timelines that have segments, in order; caller frees. */
extern uint32_t *wal_timelines(const WalInventory *inventory, size_t *count);

/* To be freed by free(windows->items). */
extern void wal_windows_find(const WalInventory *inventory, const WalBases *bases,
							 WalWindows *windows);

#endif /* NEX_WAL_REACH_H */
