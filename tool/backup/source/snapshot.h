/*-------------------------------------------------------------------------
 *
 * snapshot.h
 *	  The leader's transaction: locks first, then the snapshot that every
 *	  worker and pg_dump import.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_SNAPSHOT_H
#define NEX_SNAPSHOT_H

#include "source_table.h"

typedef struct Snapshot
{
	char *name;           /* for SET TRANSACTION SNAPSHOT */
	char *time;           /* UTC, "2026-11-23T02:00:00.000Z" */
	char *lsn;            /* WAL position at that time; NULL if unknown */
	int timeline;         /* 0: the server is a standby */
	char *replayed_until; /* by a standby: time of the last transaction; else NULL */
} Snapshot;

/*
 * Begin a transaction on the leader's connection in which all tables of
 * `list` (read here) are locked in ACCESS SHARE mode and the snapshot is
 * exported.  Gives up when a lock cannot be had within lock_wait_timeout
 * seconds (0: never).  The transaction must stay open while workers use the
 * snapshot.  The target is for a second connection, should one be needed.
 */
extern bool snapshot_take(Connection *leader, ConnectionTarget *target, int lock_wait_timeout,
						  SourceTables *list, Snapshot *snapshot);
extern void snapshot_free(Snapshot *snapshot);

/* Begin a worker's transaction on the snapshot. */
extern bool snapshot_import(Connection *worker, const Snapshot *snapshot);

#endif /* NEX_SNAPSHOT_H */
