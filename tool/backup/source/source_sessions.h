/*-------------------------------------------------------------------------
 *
 * source_sessions.h
 *	  All sessions of a backup on one snapshot, each with its locks: the
 *	  leader, the workers, and pg_dump's.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_SOURCE_SESSIONS_H
#define NEX_SOURCE_SESSIONS_H

#include <pthread.h>

#include "catalog_waits.h"
#include "schema.h"
#include "snapshot.h"
#include "source_table.h"

typedef struct Settings Settings;

typedef struct SourceSessions
{
	const Settings *settings;
	ConnectionTarget *target;
	Connection *leader;
	const char *database;
	const char *encoding;
	const char *directory; /* private, temporary */

	Connection **workers; /* as many as jobs; whoever closes one sets it to NULL */
	bool lock_ahead;      /* workers lock all tables, not only what they copy */
	SourceTables tables;
	Snapshot snapshot;
	char *names;   /* of moved_objects_names(), on the snapshot */
	char **unread; /* patterns of what pg_dump is not to read */
	char *pg_dump; /* path and version, looked up before anything is locked */
	char *pg_dump_version;
	Schema schema;
	pthread_t schema_thread;
	bool schema_running;
	CatalogWaits catalogs; /* what was canceled, for the manifest */
} SourceSessions;

/*
 * With settings, target, leader and directory filled in: lock, take the
 * snapshot, have every session import it and lock, and start reading the
 * schema.  If a session that wants an exclusive lock comes in between, all is
 * let go and done again, for as long as --lock-wait-timeout.
 */
extern bool source_sessions_start(SourceSessions *sessions);

/*
 * Wait for the schema; false when it could not be read: reported, unless
 * schema.moved says what changed meanwhile.
 */
extern bool source_sessions_join_schema(SourceSessions *sessions);

/* Close everything but the leader and the target, which belong to the caller. */
extern void source_sessions_close(SourceSessions *sessions);

#endif /* NEX_SOURCE_SESSIONS_H */
