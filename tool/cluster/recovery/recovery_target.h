/*-------------------------------------------------------------------------
 *
 * recovery_target.h
 *	  To which moment a cluster is recovered.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_RECOVERY_TARGET_H
#define NEX_RECOVERY_TARGET_H

#include "buffer.h"
#include "cluster_settings.h"
#include "wal_records.h"

typedef enum TargetKind
{
	TARGET_END,       /* of the archived WAL */
	TARGET_IMMEDIATE, /* as soon as the base backup is consistent */
	TARGET_TIME,
	TARGET_LSN,
	TARGET_XID,
	TARGET_NAME
} TargetKind;

typedef struct RecoveryTarget
{
	TargetKind kind;
	bool exclusive;
	int64_t time; /* microseconds since 2000-01-01 */
	uint64_t lsn;
	uint32_t xid;
	const char *name; /* of the settings */
} RecoveryTarget;

/* Read it; false (reported, exit 2) if the options say two things, or nothing that makes sense. */
extern bool recovery_target_read(const ClusterSettings *settings, RecoveryTarget *target);

/*
 * Does the server stop at this record?  Of a time: at the first one that is
 * later, before which it stops.
 */
extern bool recovery_target_is_at(const RecoveryTarget *target, const WalEvent *event);

/* Append the settings of the server that say it: recovery_target_… = '…'. */
extern void recovery_target_write(const RecoveryTarget *target, Buffer *out);

/* "2026-11-23 12:00:00.000000+00" */
#define TARGET_TIME_SIZE 48
extern void recovery_time_text(int64_t time, char text[TARGET_TIME_SIZE]);

/* A value of postgresql.conf, quoted. */
extern void recovery_setting(Buffer *out, const char *name, const char *value);

#endif /* NEX_RECOVERY_TARGET_H */
