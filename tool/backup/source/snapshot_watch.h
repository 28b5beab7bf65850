/*-------------------------------------------------------------------------
 *
 * snapshot_watch.h
 *	  While rows are copied: who waits behind our locks, how old the snapshot
 *	  is, and whether the leader's transaction still lives.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_SNAPSHOT_WATCH_H
#define NEX_SNAPSHOT_WATCH_H

#include "catalog_waits.h"
#include "connection.h"
#include "manifest.h"
#include "schema.h"

typedef struct Settings Settings;

typedef struct SnapshotWatch SnapshotWatch;

/*
 * Start watching, once a second, on the leader's connection, which nobody
 * else may use until snapshot_watch_stop().  The waits of pg_dump are looked at,
 * too; schema is NULL as long as there is none.  catalogs goes on with what
 * was canceled before.  What the settings forbid ends
 * the backup: the watch reports it and requests a stop.  NULL (reported) if
 * the thread cannot be started.
 */
extern SnapshotWatch *snapshot_watch_start(Connection *leader, const Settings *settings,
										   const Schema *schema, CatalogWaits *catalogs);

/* Another session of this backup: whoever waits for it waits for us. */
extern void snapshot_watch_add(SnapshotWatch *watch, const Connection *session);

/* Give the leader's connection back, and enter into the manifest (NULL: none) who waited.  NULL is
 * allowed. */
extern void snapshot_watch_stop(SnapshotWatch *watch, Manifest *manifest);

#endif /* NEX_SNAPSHOT_WATCH_H */
