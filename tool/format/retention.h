/*-------------------------------------------------------------------------
 *
 * retention.h
 *	  Which backups to keep, and why.
 *
 * A pure function over a list, without a file or a clock, so that
 * years of backups can be tried in a unit test.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_RETENTION_H
#define NEX_RETENTION_H

#include <stdbool.h>
#include <time.h>

#include "owner.h"
#include "wal_position.h"

/* How many to keep of each kind; 0 switches a rule off. */
typedef struct RetentionRules
{
	int daily;
	int weekly;
	int monthly;
	int yearly;
	int minimum; /* number of the newest to keep, whatever their dates */
} RetentionRules;

typedef enum RetentionState
{
	RETENTION_UNVERIFIED,
	RETENTION_VERIFIED,   /* its last verification found it good */
	RETENTION_FAILED,     /* its last verification found damage */
	RETENTION_OF_DAMAGED, /* what it was made of was damaged: pages of the server */
	RETENTION_DAMAGED,    /* its manifest is damaged */
	RETENTION_UNREADABLE  /* its manifest cannot be read, which is not damage */
} RetentionState;

/* Than the newest one, whose time is later. */
typedef enum RetentionLater
{
	NOT_LATER,
	LATER_POSITION,     /* it was made after it */
	LATER_THAN_STANDBY, /* the newest is of a standby that had not replayed as much */
	LATER_TIMELINE,     /* as LATER_POSITION, or it is of a copy that was promoted */
	LATER_NAME          /* by its name, where positions do not tell */
} RetentionLater;

typedef struct RetentionBackup
{
	/* given */
	const Owner *owner;
	const char *id;
	time_t time;  /* of the snapshot, by the server's clock */
	time_t named; /* of the id, by the clock of the host that made it; 0: not known */
	WalPosition position;
	RetentionState state;

	/* decided */
	bool keep;
	bool frozen; /* kept because it is not certain which backup of its database is the newest */
	RetentionLater later;
	char reason[160]; /* "newest, daily 2026-11-23, weekly 2026-W48" */
} RetentionBackup;

/*
 * Decide for every backup.  The backups of an owner must lie together, oldest
 * first, as repository_sort() puts them.
 *
 * Buckets are days, ISO weeks, months and years in UTC.  Of each bucket that
 * has a backup the newest is kept, for as many buckets as the rule says; days
 * without a backup do not use up the rule, so a pause in the backups removes
 * nothing.  Never removed are the newest backup, the newest verified one, the
 * `minimum` newest, and damaged ones, which a person must look at.  A backup
 * that failed its verification stands for no bucket: a sound one is kept for
 * it too.  One with damaged pages of the server stands for none either; it is
 * kept as damaged ones are, and so is the newest one before it that has none.  A backup dated more
 * than five minutes after `now` means that a clock was wrong: then nothing of its database is
 * removed.  Nor is it if a backup has a later position in the WAL than the newest one: the clock of
 * the server was set back then, or the newest one is of a standby that did not follow. Where
 * positions do not tell, the one with the latest name is kept.
 */
extern void retention_decide(const RetentionRules *rules, time_t now, RetentionBackup *backups,
							 int count);

/* Keep one for another reason than these rules. */
extern void retention_keep(RetentionBackup *backup, const char *reason);

#endif /* NEX_RETENTION_H */
