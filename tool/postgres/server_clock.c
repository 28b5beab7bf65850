/*-------------------------------------------------------------------------
 *
 * server_clock.c
 *	  Does the clock of the server agree with that of this host?
 *
 *-------------------------------------------------------------------------
 */
#include "server_clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "log.h"
#include "utc_time.h"

static double
host_clock(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (double) now.tv_sec + (double) now.tv_nsec / 1e9;
}

bool
server_clock_ahead(Connection *connection, double *seconds)
{
	double before = host_clock();
	PGresult *result =
		connection_exec(connection, SQL("SELECT extract(epoch FROM pg_catalog.clock_timestamp())"));
	double after = host_clock();
	bool good = PQresultStatus(result) == PGRES_TUPLES_OK;

	if (good)
	{
		double server = strtod(PQgetvalue(result, 0, 0), NULL);

		/* The answer took some time; within that, both may be right. */
		*seconds = server < before ? server - before : server > after ? server - after : 0;
	}
	PQclear(result);
	return good;
}

const char *
clock_difference(double seconds, char text[32])
{
	long minutes = (long) (((seconds < 0 ? -seconds : seconds) + 30) / 60);

	if (minutes < 60)
		snprintf(text, 32, "%ld min", minutes);
	else if (minutes < 48 * 60)
		snprintf(text, 32, "%ld h %ld min", minutes / 60, minutes % 60);
	else
		snprintf(text, 32, "%ld days", minutes / (24 * 60));
	return text;
}

void
server_clock_check(Connection *connection)
{
	static bool warned = false;
	char text[32];
	double ahead;

	if (warned || !server_clock_ahead(connection, &ahead) ||
		(ahead <= CLOCK_TOLERANCE && ahead >= -CLOCK_TOLERANCE))
		return;
	warned = true;
	log_warning_hint("Correct the clock that is wrong. Backups are ordered by the server's clock "
					 "and named by that of this host; their age is judged by both.",
					 "the clock of the server is %s %s that of this host",
					 clock_difference(ahead, text), ahead > 0 ? "ahead of" : "behind");
}
