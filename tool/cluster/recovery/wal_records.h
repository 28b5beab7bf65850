/*-------------------------------------------------------------------------
 *
 * wal_records.h
 *	  The records of WAL at which a recovery can stop: ends of transactions,
 *	  and restore points; and those that reach out of the data directory, which
 *	  create tablespaces.
 *
 * A server that does not come to its target gives up at the end of the WAL,
 * after hours perhaps.  So what a target means is looked for before a file is
 * restored.  Only what PostgreSQL 14 to 18 have in common is read; which
 * tables and rows records are about is of no concern here.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_WAL_RECORDS_H
#define NEX_WAL_RECORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buffer.h"

typedef enum WalEventKind
{
	WAL_EVENT_OTHER, /* of no interest but for its place */
	WAL_EVENT_COMMIT,
	WAL_EVENT_ABORT,
	WAL_EVENT_POINT,      /* pg_create_restore_point() */
	WAL_EVENT_TABLESPACE, /* CREATE TABLESPACE */
	WAL_EVENT_SETTINGS    /* the server was started with others */
} WalEventKind;

/* What a server that recovers must have as much of, and stay within, or it pauses for good. */
#define WAL_SETTINGS 5
extern const char *const wal_setting_names[WAL_SETTINGS];

typedef struct WalEvent
{
	WalEventKind kind;
	uint64_t lsn;                    /* where the record begins */
	uint32_t xid;                    /* 0: of a prepared transaction */
	int64_t time;                    /* microseconds since 2000-01-01; of OTHER and TABLESPACE: 0 */
	char name[64];                   /* of a restore point */
	uint32_t oid;                    /* of a tablespace … */
	const char *path;                /* … and its directory, while the event is visited */
	uint32_t settings[WAL_SETTINGS]; /* of SETTINGS, in the order of wal_setting_names */
	bool minimal;                    /* of SETTINGS: wal_level was, so nobody recovers past it */
} WalEvent;

/* False: nothing more is wanted. */
typedef bool (*WalVisit)(const WalEvent *event, void *argument);

typedef struct WalRecords
{
	WalVisit visit;
	void *argument;
	bool ended;      /* the visitor wants no more */
	Buffer record;   /* the beginning of one that goes on */
	uint32_t length; /* of it; 0: none */
	uint64_t begin;  /* of it */
} WalRecords;

extern void wal_records_begin(WalRecords *records, WalVisit visit, void *argument);

/*
 * The next segment.  Its pages have been checked (wal_pages.h).  What begins
 * before the first one is passed over.  NULL when good, else what is wrong, static.
 */
extern const char *wal_records_add(WalRecords *records, const char *data, size_t length);

/* Does the last record go on in the next segment? */
extern bool wal_records_pending(const WalRecords *records);
extern void wal_records_end(WalRecords *records);

#endif /* NEX_WAL_RECORDS_H */
