/*-------------------------------------------------------------------------
 *
 * retention.c
 *	  Which backups to keep, and why.
 *
 *-------------------------------------------------------------------------
 */
#include <stdio.h>
#include <string.h>

#include "retention.h"

/* A backup may be dated this much after now without anybody being alarmed. */
#define FUTURE_TOLERANCE (5 * 60)
#define NAME_TOLERANCE 60 /* two hosts that make backups of one server may differ by this much */

#define BUCKET_SIZE 24
#define BUCKET_RULES 4

typedef struct BucketRule
{
	const char *name;
	const char *unit;
	const char *format; /* strftime; equal text means the same bucket */
} BucketRule;

static const BucketRule bucket_rules[BUCKET_RULES] = {
	{"daily", "day", "%Y-%m-%d"},
	{"weekly", "week", "%G-W%V"},
	{"monthly", "month", "%Y-%m"},
	{"yearly", "year", "%Y"},
};

static int
rule_count(const RetentionRules *rules, int rule)
{
	const int counts[BUCKET_RULES] = {rules->daily, rules->weekly, rules->monthly, rules->yearly};

	return counts[rule];
}

static void
bucket_of(int rule, time_t when, char bucket[BUCKET_SIZE])
{
	struct tm utc;

	memset(&utc, 0, sizeof(utc));
	gmtime_r(&when, &utc);
	if (strftime(bucket, BUCKET_SIZE, bucket_rules[rule].format, &utc) == 0)
		bucket[0] = '\0';
}

/* Keep the backup, for one more reason. */
static void
keep(RetentionBackup *backup, const char *rule, const char *bucket)
{
	size_t used = backup->keep ? strlen(backup->reason) : 0;
	const char *comma = used > 0 ? ", " : "";
	const char *space = bucket[0] != '\0' ? " " : "";

	backup->keep = true;
	snprintf(backup->reason + used, sizeof(backup->reason) - used, "%s%s%s%s", comma, rule, space,
			 bucket);
}

void
retention_keep(RetentionBackup *backup, const char *reason)
{
	keep(backup, reason, "");
}

/* Does the backup stand for a bucket?  Failed ones only when asked to. */
static bool
counts(const RetentionBackup *backup, bool with_failed)
{
	return backup->state != RETENTION_DAMAGED && backup->state != RETENTION_UNREADABLE &&
		   backup->state != RETENTION_OF_DAMAGED &&
		   (with_failed || backup->state != RETENTION_FAILED);
}

/*
 * The newest, the newest verified, and the minimum; behind those that have damaged
 * pages, the one that may have them undamaged, whatever the minimum.
 */
static void
keep_newest(const RetentionRules *rules, RetentionBackup *backups, int count)
{
	bool verified_seen = false;
	bool pages_damaged = false;
	int sound = 0;
	int i;

	for (i = count - 1; i >= 0; i--)
	{
		if (i == count - 1)
			keep(&backups[i], "newest", "");
		if (backups[i].state == RETENTION_VERIFIED && !verified_seen)
		{
			verified_seen = true;
			keep(&backups[i], "newest verified", "");
		}
		if (counts(&backups[i], false) && sound == 0 && pages_damaged)
			keep(&backups[i], "newest undamaged", "");
		pages_damaged |= backups[i].state == RETENTION_OF_DAMAGED;
		/* The newest one has a reason already; do not bore with the minimum. */
		if (counts(&backups[i], false) && sound++ < rules->minimum && i < count - 1)
			keep(&backups[i], "minimum", "");
	}
}

/*
 * One rule over one database, from the newest to the oldest.  The first pass
 * takes sound backups only; the second takes the failed ones in as well, and
 * keeps those that the rule would have kept if nobody had verified them.
 */
static void
keep_buckets(int rule, int limit, bool with_failed, RetentionBackup *backups, int count)
{
	char last[BUCKET_SIZE] = "";
	int kept = 0;
	int i;

	for (i = count - 1; i >= 0 && kept < limit; i--)
	{
		char bucket[BUCKET_SIZE];

		if (!counts(&backups[i], with_failed))
			continue;
		bucket_of(rule, backups[i].time, bucket);
		if (strcmp(bucket, last) == 0)
			continue;
		memcpy(last, bucket, sizeof(last));
		kept++;
		if (!with_failed || backups[i].state == RETENTION_FAILED)
			keep(&backups[i], bucket_rules[rule].name, bucket);
	}
}

/* Say why a backup is removed: superseded within a bucket, or out of reach of all rules. */
static void
explain_removal(const RetentionRules *rules, RetentionBackup *backups, int count, int position)
{
	RetentionBackup *backup = &backups[position];
	int rule;
	int i;

	/* The smallest bucket in use names the backup that stands for this one. */
	for (rule = 0; rule < BUCKET_RULES; rule++)
	{
		char bucket[BUCKET_SIZE];

		if (rule_count(rules, rule) == 0)
			continue;
		bucket_of(rule, backup->time, bucket);
		for (i = count - 1; i > position; i--)
		{
			char other[BUCKET_SIZE];

			bucket_of(rule, backups[i].time, other);
			if (backups[i].keep && strcmp(bucket, other) == 0)
			{
				snprintf(backup->reason, sizeof(backup->reason), "%s %s has the newer %s",
						 bucket_rules[rule].unit, bucket, backups[i].id);
				return;
			}
		}
	}
	snprintf(backup->reason, sizeof(backup->reason), "older than the keep rules reach");
}

static bool
has_future(time_t now, const RetentionBackup *backups, int count)
{
	int i;

	for (i = 0; i < count; i++)
	{
		if (backups[i].time > now + FUTURE_TOLERANCE)
			return true;
	}
	return false;
}

/* A backup has a later position than the newest one: what does that mean? */
static RetentionLater
later_how(const WalPosition *position, const WalPosition *newest)
{
	if (position->history != newest->history)
		return LATER_POSITION;
	if (newest->standby)
		return LATER_THAN_STANDBY;
	return position->timeline != newest->timeline ? LATER_TIMELINE : LATER_POSITION;
}

/*
 * Which backups were made after the newest one, or show a later state, whatever
 * times they have?  By their positions in the WAL: how, if any does.  Where those
 * do not tell, names may: then it is the last one, which is kept.
 */
static RetentionLater
find_made_later(RetentionBackup *backups, int count)
{
	const RetentionBackup *newest = &backups[count - 1];
	RetentionBackup *last = NULL;
	RetentionLater found = NOT_LATER;
	int i;

	for (i = 0; i < count - 1; i++)
	{
		RetentionBackup *backup = &backups[i];
		int order = wal_position_compare(&backup->position, &newest->position);

		if (order > 0)
			found = backup->later = later_how(&backup->position, &newest->position);
		if (order == 0 && newest->named != 0 && backup->named > newest->named + NAME_TOLERANCE &&
			(last == NULL || backup->named > last->named))
			last = backup;
	}
	if (last != NULL)
	{
		last->later = LATER_NAME;
		keep(last, "made last, by its name", "");
	}
	return found;
}

static void
freeze(RetentionBackup *backups, int count, const char *reason)
{
	int i;

	for (i = 0; i < count; i++)
	{
		if (!backups[i].keep)
		{
			backups[i].frozen = true;
			keep(&backups[i], reason, "");
		}
	}
}

/* Decide for the backups of one database. */
static void
decide_database(const RetentionRules *rules, time_t now, RetentionBackup *backups, int count)
{
	RetentionLater later;
	int rule;
	int i;

	keep_newest(rules, backups, count);
	for (rule = 0; rule < BUCKET_RULES; rule++)
	{
		keep_buckets(rule, rule_count(rules, rule), false, backups, count);
		keep_buckets(rule, rule_count(rules, rule), true, backups, count);
	}
	for (i = 0; i < count; i++)
	{
		if (backups[i].state == RETENTION_DAMAGED)
			keep(&backups[i], "damaged, look at it", "");
		else if (backups[i].state == RETENTION_UNREADABLE)
			keep(&backups[i], "cannot be read", "");
		else if (backups[i].state == RETENTION_OF_DAMAGED)
			keep(&backups[i], "has damaged pages, look at it", "");
	}
	if (has_future(now, backups, count))
		freeze(backups, count, "a backup is dated in the future");
	later = find_made_later(backups, count);
	if (later == LATER_THAN_STANDBY)
		freeze(backups, count, "a backup shows a later state than the newest, of a standby");
	else if (later == LATER_TIMELINE)
		freeze(backups, count, "a backup is of a later timeline than the newest");
	else if (later == LATER_POSITION)
		freeze(backups, count, "a backup was made after the newest");
	for (i = 0; i < count; i++)
	{
		if (!backups[i].keep)
			explain_removal(rules, backups, count, i);
	}
}

void
retention_decide(const RetentionRules *rules, time_t now, RetentionBackup *backups, int count)
{
	int first = 0;

	while (first < count)
	{
		int end = first;

		while (end < count && owner_equal(backups[end].owner, backups[first].owner))
		{
			backups[end].keep = false;
			backups[end].frozen = false;
			backups[end].later = NOT_LATER;
			backups[end].reason[0] = '\0';
			end++;
		}
		decide_database(rules, now, backups + first, end - first);
		first = end;
	}
}
