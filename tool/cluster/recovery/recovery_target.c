/*-------------------------------------------------------------------------
 *
 * recovery_target.c
 *	  To which moment a cluster is recovered.
 *
 *-------------------------------------------------------------------------
 */
#include "recovery_target.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "log.h"
#include "utc_time.h"
#include "wal_position.h"

/* 2000-01-01, in seconds since 1970. */
#define POSTGRES_EPOCH 946684800

bool
recovery_target_read(const ClusterSettings *settings, RecoveryTarget *target)
{
	int given = (settings->target_time != NULL) + (settings->target_lsn != NULL) +
				(settings->target_xid != NULL) + (settings->target_name != NULL) +
				(settings->target == RECOVER_IMMEDIATE);
	double seconds;

	memset(target, 0, sizeof(*target));
	target->exclusive = settings->exclusive;
	if (given > 1)
		return report_error(EXIT_USAGE, NULL, NULL,
							"--target-time, --target-lsn, --target-xid, --target-name and "
							"--target=immediate exclude each other");
	if (settings->target_time != NULL && utc_time_parse(settings->target_time, &seconds))
	{
		target->kind = TARGET_TIME;
		target->time =
			(int64_t) ((seconds - POSTGRES_EPOCH) * 1e6 + (seconds < POSTGRES_EPOCH ? -0.5 : 0.5));
	}
	else if (settings->target_lsn != NULL && wal_lsn_parse(settings->target_lsn, &target->lsn))
		target->kind = TARGET_LSN;
	else if (settings->target_xid != NULL)
	{
		target->kind = TARGET_XID;
		target->xid = (uint32_t) strtoul(settings->target_xid, NULL, 10);
	}
	else if (settings->target_name != NULL)
	{
		target->kind = TARGET_NAME;
		target->name = settings->target_name;
	}
	else if (settings->target == RECOVER_IMMEDIATE)
		target->kind = TARGET_IMMEDIATE;
	if (target->exclusive && target->kind != TARGET_TIME && target->kind != TARGET_LSN &&
		target->kind != TARGET_XID)
		return report_error(EXIT_USAGE, NULL, NULL,
							"--exclusive needs --target-time, --target-lsn or --target-xid");
	if (target->kind == TARGET_NAME && strpbrk(target->name, "\r\n") != NULL)
		return report_error(EXIT_USAGE, NULL, NULL,
							"the name of a restore point with a line break cannot be a setting");
	if (target->kind == TARGET_NAME && strlen(target->name) >= sizeof(((WalEvent *) 0)->name))
		return report_error(EXIT_USAGE, NULL, NULL,
							"the name of a restore point has at most 63 bytes");
	return true;
}

bool
recovery_target_is_at(const RecoveryTarget *target, const WalEvent *event)
{
	bool ends = event->kind == WAL_EVENT_COMMIT || event->kind == WAL_EVENT_ABORT;

	switch (target->kind)
	{
		case TARGET_TIME:
			return ends &&
				   (target->exclusive ? event->time >= target->time : event->time > target->time);
		case TARGET_LSN:
			return event->lsn >= target->lsn;
		case TARGET_XID:
			return ends && event->xid == target->xid;
		case TARGET_NAME:
			return event->kind == WAL_EVENT_POINT && strcmp(event->name, target->name) == 0;
		case TARGET_END:
		case TARGET_IMMEDIATE:
			break;
	}
	return false;
}

void
recovery_time_text(int64_t time, char text[TARGET_TIME_SIZE])
{
	int64_t micros = time % 1000000;
	time_t seconds;
	struct tm tm;
	size_t length;

	if (micros < 0)
		micros += 1000000;
	seconds = (time_t) ((time - micros) / 1000000 + POSTGRES_EPOCH);
	if (gmtime_r(&seconds, &tm) == NULL)
		memset(&tm, 0, sizeof(tm));
	length = strftime(text, TARGET_TIME_SIZE, "%Y-%m-%d %H:%M:%S", &tm);
	snprintf(text + length, TARGET_TIME_SIZE - length, ".%06d+00", (int) micros);
}

void
recovery_setting(Buffer *out, const char *name, const char *value)
{
	buffer_printf(out, "%s = '", name);
	for (; *value != '\0'; value++)
	{
		if (*value == '\'' || *value == '\\')
			buffer_append_char(out, *value);
		buffer_append_char(out, *value);
	}
	buffer_append_string(out, "'\n");
}

void
recovery_target_write(const RecoveryTarget *target, Buffer *out)
{
	char text[TARGET_TIME_SIZE];

	switch (target->kind)
	{
		case TARGET_TIME:
			recovery_time_text(target->time, text);
			recovery_setting(out, "recovery_target_time", text);
			break;
		case TARGET_LSN:
			wal_lsn_print(target->lsn, text);
			recovery_setting(out, "recovery_target_lsn", text);
			break;
		case TARGET_XID:
			snprintf(text, sizeof(text), "%u", target->xid);
			recovery_setting(out, "recovery_target_xid", text);
			break;
		case TARGET_NAME:
			recovery_setting(out, "recovery_target_name", target->name);
			break;
		case TARGET_IMMEDIATE:
			recovery_setting(out, "recovery_target", "immediate");
			break;
		case TARGET_END:
			return;
	}
	recovery_setting(out, "recovery_target_inclusive", target->exclusive ? "off" : "on");
}
