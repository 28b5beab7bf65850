/*-------------------------------------------------------------------------
 *
 * wal_keep.h
 *	  Which base backups a window of moments needs, and which WAL no base
 *	  backup needs.
 *
 * Pure functions, as retention.h, whose rules know neither timelines nor gaps.
 *
 * What is removed is the beginning of each timeline, and of a timeline only
 * what comes before all base backups that are left there; so nothing that can
 * still be reached gets a gap, wherever a removal is cut off.  Histories are
 * never removed.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_WAL_KEEP_H
#define NEX_WAL_KEEP_H

#include "wal_reach.h"

/* A timeline from which no base backup is left may be one that a server still writes. */
#define WAL_IDLE_SECONDS 86400

/*
 * Each moment of the last `seconds` that can be reached now must be in reach afterwards: mark in
 * `needed`, which has a place for each base backup, those from which it is.  Of each window the
 * newest before that time is enough; if there is none, the oldest.  All are needed while it is not
 * known where a timeline comes from.
 */
extern void wal_keep_window(const WalInventory *inventory, const WalBases *bases, double now,
							double seconds, bool *needed);

/* From which segment on WAL of a timeline is kept. */
typedef struct WalKept
{
	uint32_t timeline;
	uint64_t from; /* 0: all of it; UINT64_MAX: nothing */
} WalKept;

/*
 * The same for all timelines that have segments, by the base backups that are left; to be freed.
 * Those that are not good need their WAL, too, but do not show that any is not needed: without a
 * good one all of it is kept, and so is what is newer than the newest good one.
 */
extern WalKept *wal_keep_decide(const WalInventory *inventory, const WalBases *left, double seconds,
								size_t *count);

#endif /* NEX_WAL_KEEP_H */
