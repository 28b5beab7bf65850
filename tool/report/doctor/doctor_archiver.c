/*-------------------------------------------------------------------------
 *
 * doctor_archiver.c
 *	  Whether the server archives its WAL, and to this repository.
 *
 * What pg_stat_archiver counts is not enough: an archive_command that is not
 * found, or ended by a signal, ends the archiver before that counts anything,
 * and one that says that all is well may have stored it elsewhere, or nowhere.
 * So what waits in pg_wal is looked at, too, and what is in the repository.
 *
 *-------------------------------------------------------------------------
 */
#include "doctor_archiver.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "ages.h"
#include "memory.h"
#include "pretty.h"
#include "wal_system.h"

#define LOG_HINT                                                                                   \
	"The server's log says why. It keeps the WAL in pg_wal until it can. An archive_command "      \
	"that is not found is in the log alone: give the full path of the program."

/* What the server says of itself. */
typedef struct Archiver
{
	bool failed;         /* after it archived something last */
	char *failed_wal;    /* or NULL */
	char *last_wal;      /* that was archived, or NULL */
	char *last_time;     /* or NULL */
	uint64_t identifier; /* 0: not known */
	bool knows_waiting;
	uint64_t waiting; /* files */
	double oldest;    /* seconds that the first of them has waited */
} Archiver;

static char *
copy_value(const PGresult *result, int column)
{
	return PQgetisnull(result, 0, column) ? NULL : xstrdup(PQgetvalue(result, 0, column));
}

/* False if it does not archive, or says nothing. */
static bool
ask_statistics(Connection *connection, Archiver *archiver)
{
	PGresult *result = connection_query(
		connection,
		"SELECT last_failed_wal, last_failed_time > coalesce(last_archived_time, '-infinity'),"
		"       last_archived_wal,"
		"       pg_catalog.to_char(last_archived_time AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS')"
		"  FROM pg_catalog.pg_stat_archiver"
		" WHERE pg_catalog.current_setting('archive_mode') <> 'off'",
		0, NULL);
	bool archives = result != NULL && PQntuples(result) == 1;

	if (archives)
	{
		archiver->failed_wal = copy_value(result, 0);
		archiver->failed = PQgetvalue(result, 0, 1)[0] == 't';
		archiver->last_wal = copy_value(result, 2);
		archiver->last_time = copy_value(result, 3);
	}
	PQclear(result);
	return archives;
}

/* What not every role may see: without it, less is known. */
static void
ask_more(Connection *connection, Archiver *archiver)
{
	PGresult *result =
		connection_ask(connection,
					   SQL("SELECT pg_catalog.count(*),"
						   "       coalesce(EXTRACT(epoch FROM pg_catalog.now() - "
						   "pg_catalog.min(modification)), 0)"
						   "  FROM pg_catalog.pg_ls_archive_statusdir() WHERE name LIKE '%.ready'"),
					   0, NULL);

	archiver->knows_waiting = PQresultStatus(result) == PGRES_TUPLES_OK;
	if (archiver->knows_waiting)
	{
		archiver->waiting = strtoull(PQgetvalue(result, 0, 0), NULL, 10);
		archiver->oldest = strtod(PQgetvalue(result, 0, 1), NULL);
	}
	PQclear(result);
	result = connection_ask(
		connection, SQL("SELECT system_identifier FROM pg_catalog.pg_control_system()"), 0, NULL);
	if (PQresultStatus(result) == PGRES_TUPLES_OK)
		archiver->identifier = strtoull(PQgetvalue(result, 0, 0), NULL, 10);
	PQclear(result);
}

/* Where the last WAL that was archived is. */
typedef enum Whereabouts
{
	WHEREABOUTS_UNKNOWN,
	WHEREABOUTS_HERE,
	WHEREABOUTS_ELSEWHERE, /* though this repository has WAL of this server */
	WHEREABOUTS_NOTHING_HERE
} Whereabouts;

static bool
is_listed(const WalListing *listing, const char *name)
{
	size_t i;

	for (i = 0; i < listing->count; i++)
	{
		if (strcmp(listing->files[i].name.text, name) == 0)
			return true;
	}
	return false;
}

/* The repository is asked after the server, so what that has archived is there. */
static Whereabouts
find_last(const Doctor *doctor, const Archiver *archiver)
{
	Whereabouts found = WHEREABOUTS_UNKNOWN;
	WalListing listing = {0};
	WalSystem system;
	StoreResult result;
	WalName name;
	char *directory;

	if (doctor->repository == NULL || archiver->identifier == 0 || archiver->last_wal == NULL ||
		!wal_name_parse(archiver->last_wal, &name))
		return WHEREABOUTS_UNKNOWN;
	if (!wal_system_open(doctor->repository, archiver->identifier, &system, &result))
		return result.code == STORE_ABSENT ? WHEREABOUTS_NOTHING_HERE : WHEREABOUTS_UNKNOWN;
	directory = wal_directory(archiver->identifier, &name);
	result = wal_list(&system, strchr(strchr(directory, '/') + 1, '/') + 1, &listing);
	if (result.code == STORE_OK)
		found = is_listed(&listing, name.text) ? WHEREABOUTS_HERE : WHEREABOUTS_ELSEWHERE;
	wal_listing_free(&listing);
	free(directory);
	return found;
}

static void
say_waiting(Doctor *doctor, const Archiver *archiver)
{
	doctor_say(
		doctor, archiver->oldest >= ARCHIVE_LOST_MINUTES * 60 ? CHECK_CRITICAL : CHECK_WARNING,
		"archiver", LOG_HINT, "%s %s in pg_wal to be archived, the first for %s; %s%s",
		pretty_number_of(archiver->waiting, "file"), archiver->waiting == 1 ? "waits" : "wait",
		pretty_duration(archiver->oldest),
		archiver->last_time != NULL ? "the last WAL was archived at " : "nothing was archived yet",
		archiver->last_time != NULL ? archiver->last_time : "");
}

static void
say_archived(Doctor *doctor, const Archiver *archiver)
{
	Whereabouts where = find_last(doctor, archiver);

	if (where == WHEREABOUTS_ELSEWHERE)
		doctor_say(doctor, CHECK_CRITICAL, "archiver",
				   "Look at archive_command: it must end with status 0 only after \"nex_backup wal "
				   "push\" to this repository did.",
				   "the server has archived \"%s\" at %s UTC, but not to this repository, which "
				   "has other WAL of it",
				   archiver->last_wal, archiver->last_time);
	else if (archiver->last_time == NULL)
		doctor_say(doctor, CHECK_OK, "archiver", NULL, "nothing was archived yet");
	else
		doctor_say(doctor, CHECK_OK, "archiver", NULL, "the last WAL was archived at %s UTC%s",
				   archiver->last_time,
				   where == WHEREABOUTS_NOTHING_HERE ? ", but not to this repository" : "");
}

void
doctor_check_archiver(Doctor *doctor, Connection *connection)
{
	Archiver archiver = {0};

	if (!ask_statistics(connection, &archiver))
		return;
	ask_more(connection, &archiver);
	if (archiver.failed)
		doctor_say(doctor, CHECK_CRITICAL, "archiver", LOG_HINT,
				   "the server could not archive \"%s\"%s%s", archiver.failed_wal,
				   archiver.last_time != NULL ? "; the last segment was archived at " : "",
				   archiver.last_time != NULL ? archiver.last_time : "");
	else if (archiver.knows_waiting && archiver.waiting > 0 &&
			 archiver.oldest >= ARCHIVE_LATE_MINUTES * 60)
		say_waiting(doctor, &archiver);
	else
		say_archived(doctor, &archiver);
	free(archiver.failed_wal);
	free(archiver.last_wal);
	free(archiver.last_time);
}
