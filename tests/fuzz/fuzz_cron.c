/*-------------------------------------------------------------------------
 *
 * fuzz_cron.c
 *	  Any bytes as a schedule: what is accepted has a next time that lies
 *	  ahead and on a whole minute.
 *
 *-------------------------------------------------------------------------
 */
#include "fuzz.h"

#include <string.h>

#include "cron.h"

#define START 1795399200 /* 2026-11-23 02:00 UTC */

static int64_t
utc(const void *zone, int64_t instant)
{
	(void) zone;
	(void) instant;
	return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const CronZone zone = {utc, NULL};
	CronSchedule schedule;
	char message[256] = "";
	char *text = malloc(size + 1);
	int64_t next;

	MUST(text != NULL);
	memcpy(text, data, size);
	text[size] = '\0';
	if (!cron_parse(text, &schedule, message, sizeof(message)))
		MUST(message[0] != '\0');
	else if (cron_next(&schedule, &zone, START, &next))
	{
		MUST(next > START);
		MUST(next % 60 == 0);
	}
	free(text);
	return 0;
}
