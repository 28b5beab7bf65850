/*-------------------------------------------------------------------------
 *
 * large_settings.c
 *	  Settings of roles that are so large that pg_dump needs much memory.
 *
 * Any role can have a setting of its own of nearly a gigabyte for each
 * database, also for those that it may not connect to, and pg_dump and
 * pg_dumpall read them all; no option of theirs leaves these out.  None gets
 * into a backup (database_settings.c, globals.c), but the memory is needed
 * each night.  So whose they are is said before that, and a program for which
 * there is not enough memory is not started: where that runs out, the kernel
 * may choose to end the server.
 *
 *-------------------------------------------------------------------------
 */
#include "large_settings.h"

#include <stdlib.h>
#include <string.h>

#include "available_memory.h"
#include "log.h"
#include "memory.h"
#include "printable.h"
#include "quote.h"

#define MEGABYTE (1024 * 1024)

/* All together; less is nothing to speak of. */
#define TOLD_BYTES (16 * MEGABYTE)

/* How often pg_dump has them in memory, in the worst case. */
#define COPIES 4

/* The largest, and how many bytes all of them have. */
#define SETTINGS_QUERY(of)                                                                         \
	SQL("SELECT CASE WHEN s.setrole <> 0 THEN pg_catalog.pg_get_userbyid(s.setrole) END,"          \
		" b.bytes, pg_catalog.sum(b.bytes) OVER (), pg_catalog.current_database()"                 \
		" FROM pg_catalog.pg_db_role_setting s,"                                                   \
		" LATERAL (SELECT pg_catalog.sum(pg_catalog.octet_length(o)) AS bytes"                     \
		"  FROM pg_catalog.unnest(s.setconfig) o) b"                                               \
		" WHERE s.setdatabase = " of " ORDER BY b.bytes DESC, s.setrole LIMIT 1")

static const SqlConstant of_database_query = SETTINGS_QUERY(
	"(SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())");
static const SqlConstant of_none_query = SETTINGS_QUERY("0");

typedef struct LargeSettings
{
	char *whose; /* of the largest, for messages */
	char *reset; /* the command that ends it */
	uint64_t largest;
	uint64_t all;
} LargeSettings;

/* "role "joe"", and what resets its settings. */
static void
name_owner(LargeSettings *large, const char *role, const char *database)
{
	char *shown = role != NULL ? printable_name(role) : NULL;
	SqlText reset;

	sql_init(&reset);
	if (role == NULL && database != NULL)
		sql_append(&reset, "ALTER DATABASE ");
	else
	{
		sql_append(&reset, "ALTER ROLE ");
		if (role != NULL)
			sql_identifier(&reset, role);
		else
			sql_append(&reset, "ALL");
		if (database != NULL)
			sql_append(&reset, " IN DATABASE ");
	}
	if (database != NULL)
		sql_identifier(&reset, database);
	sql_append(&reset, " RESET ALL");
	large->reset = printable_name(sql_string(&reset));
	sql_free(&reset);
	if (role != NULL)
		large->whose = xasprintf("role \"%s\"", shown);
	else
		large->whose = xstrdup(database != NULL ? "the database itself" : "all roles");
	free(shown);
}

static bool
judge(const LargeSettings *large, bool of_database)
{
	const char *program = of_database ? "pg_dump" : "pg_dumpall";
	const char *where = of_database ? " in this database" : "";
	uint64_t available = available_memory();
	bool good = large->all <= available / COPIES;
	char *detail;
	char *text = xasprintf("settings of roles%s have %llu MB, %llu MB of them those of %s", where,
						   (unsigned long long) (large->all / MEGABYTE),
						   (unsigned long long) (large->largest / MEGABYTE), large->whose);
	char *hint = xasprintf("%s frees %s from reading them.", large->reset, program);

	detail = xasprintf("S%s.", text + 1);
	if (good)
		log_warning_hint(hint, "%s, and %s needs memory for all of it", text, program);
	else
		report_error(EXIT_FAILED, detail, hint,
					 "%s needs more memory for settings of roles than the %llu MB that are there",
					 program, (unsigned long long) (available / MEGABYTE));
	free(text);
	free(detail);
	free(hint);
	return good;
}

bool
large_settings_check(Connection *connection, bool of_database)
{
	PGresult *result =
		connection_query(connection, of_database ? of_database_query : of_none_query, 0, NULL);
	LargeSettings large = {0};
	bool good = result != NULL;

	if (good && PQntuples(result) > 0)
	{
		large.largest = strtoull(PQgetvalue(result, 0, 1), NULL, 10);
		large.all = strtoull(PQgetvalue(result, 0, 2), NULL, 10);
		if (large.all > TOLD_BYTES)
		{
			name_owner(&large, PQgetisnull(result, 0, 0) ? NULL : PQgetvalue(result, 0, 0),
					   of_database ? PQgetvalue(result, 0, 3) : NULL);
			good = judge(&large, of_database);
		}
	}
	free(large.whose);
	free(large.reset);
	PQclear(result);
	return good;
}
