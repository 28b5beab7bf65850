/*-------------------------------------------------------------------------
 *
 * settings.c
 *	  The settings nex_backup.* of the server.
 *
 * All but one are read at a reload, because the library may also be loaded by a
 * session, without shared_preload_libraries, and then settings that need a
 * restart could not be defined.
 *
 *-------------------------------------------------------------------------
 */
#include "compat.h"

#include <limits.h>

#include "fmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/timestamp.h"

#include "archive_protocol.h"
#include "settings.h"

PG_FUNCTION_INFO_V1(nex_backup_setting);

#define PREFIX "nex_backup."

static const struct config_enum_entry executor_kinds[] = {
	{"worker", EXECUTOR_WORKER, false}, {"agent", EXECUTOR_AGENT, false}, {NULL, 0, false}};

char *setting_database = NULL;
bool setting_scheduler = true;
int setting_executor = EXECUTOR_WORKER;
int setting_reserved_executors = 2;
char *setting_tool_path = NULL;
char *setting_config_file = NULL;
char *setting_log_directory = NULL;
char *setting_archive_repository = NULL;
char *setting_archive_compression = NULL;
int setting_archive_threads = 2;
int setting_archive_lookahead = ARCHIVE_MAX_LOOKAHEAD;

static int max_concurrent_runs = 2;
static int max_runs_per_repository = 1;
static int keep_runs = 400;
static char *required_role = NULL;
static char *missed_except = NULL;
static char *operator_role = NULL;
static char *testing_clock = NULL;

/* In a log, one could begin a line. */
static bool
has_no_control_character(const char *value)
{
	const char *c;

	for (c = value; *c != '\0'; c++)
	{
		if ((unsigned char) *c < ' ' || *c == 0x7f)
		{
			GUC_check_errdetail("It must not have control characters.");
			return false;
		}
	}
	return true;
}

/* A full path, without a character that would end a line of a log, or nothing. */
static bool
check_path(char **value, void **extra, GucSource source)
{
	if (**value == '\0')
		return true;
	if (**value != '/' || strlen(*value) >= MAXPGPATH)
	{
		GUC_check_errdetail("It must be a full path.");
		return false;
	}
	return has_no_control_character(*value);
}

/* A full path, or "s3://…" and the like: what it must look like is known to the program. */
static bool
check_repository(char **value, void **extra, GucSource source)
{
	if (**value != '\0' && strstr(*value, "://") != NULL && strlen(*value) < MAXPGPATH)
		return has_no_control_character(*value);
	return check_path(value, extra, source);
}

/* "zstd:1"; the program says more when it is started. */
static bool
check_compression(char **value, void **extra, GucSource source)
{
	if (strncmp(*value, "zstd", 4) == 0 && strlen(*value) < 16)
		return has_no_control_character(*value);
	GUC_check_errdetail("It must be zstd, with a level such as zstd:1.");
	return false;
}

static bool
check_database(char **value, void **extra, GucSource source)
{
	if (**value != '\0' && strlen(*value) < NAMEDATALEN)
		return true;
	GUC_check_errdetail("It must be the name of a database.");
	return false;
}

/* Whether there is such a role is for later: settings are read before roles can be. */
static bool
check_role(char **value, void **extra, GucSource source)
{
	if (strlen(*value) < NAMEDATALEN)
		return true;
	GUC_check_errdetail("It must be the name of a role.");
	return false;
}

/* "1774746000", the time; or "+3600", "-3600", what the clock differs. */
static bool
check_testing_clock(char **value, void **extra, GucSource source)
{
	char *end;

	errno = 0;
	if (**value == '\0' || (strtoll(*value, &end, 10) > -INT64CONST(100000000000) && errno == 0 &&
							*end == '\0' && end != *value))
		return true;
	GUC_check_errdetail("It must be a number of seconds.");
	return false;
}

TimestampTz
scheduler_clock(TimestampTz real)
{
	int64 seconds;

	if (testing_clock == NULL || *testing_clock == '\0')
		return real;
	seconds = strtoll(testing_clock, NULL, 10);
	if (*testing_clock == '+' || *testing_clock == '-')
		return real + seconds * USECS_PER_SEC;
	return (seconds - (int64) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * SECS_PER_DAY) *
		   USECS_PER_SEC;
}

static void
define_string(const char *name, const char *description, char **variable, const char *value,
			  GucContext context, int flags, GucStringCheckHook check)
{
	DefineCustomStringVariable(name, description, NULL, variable, value, context, flags, check,
							   NULL, NULL);
}

static void
define_number(const char *name, const char *description, int *variable, int value, int max)
{
	DefineCustomIntVariable(name, description, NULL, variable, value, 1, max, PGC_SIGHUP, 0, NULL,
							NULL, NULL);
}

void
settings_define(void)
{
	define_string(PREFIX "database", "Database that the scheduler has its jobs in.",
				  &setting_database, "postgres", PGC_SIGHUP, 0, check_database);
	DefineCustomBoolVariable(PREFIX "scheduler", "Starts scheduled jobs.", NULL, &setting_scheduler,
							 true, PGC_SIGHUP, 0, NULL, NULL, NULL);
	DefineCustomEnumVariable(
		PREFIX "executor", "Who runs jobs: a worker in the server, or the agent.", NULL,
		&setting_executor, EXECUTOR_WORKER, executor_kinds, PGC_SIGHUP, 0, NULL, NULL, NULL);
	define_number(PREFIX "max_concurrent_runs", "How many runs there are at the same time.",
				  &max_concurrent_runs, 2, 64);
	define_number(PREFIX "max_runs_per_repository",
				  "How many runs use one repository at the same time.", &max_runs_per_repository, 1,
				  64);
	/* Means nothing in a session that loads the library; but there it must be known, too. */
	DefineCustomIntVariable(
		PREFIX "reserved_executors",
		"How many workers are kept for requests, alarms and runs when no other slot is free.", NULL,
		&setting_reserved_executors, 2, 0, MAX_RESERVED_EXECUTORS,
		process_shared_preload_libraries_in_progress ? PGC_POSTMASTER : PGC_SIGHUP, 0, NULL, NULL,
		NULL);
	define_number(PREFIX "keep_runs", "Days after which ended runs of jobs are forgotten.",
				  &keep_runs, 400, 36500);
	define_string(PREFIX "tool_path",
				  "The program nex_backup; if empty, the one beside the server's programs.",
				  &setting_tool_path, "", PGC_SIGHUP, GUC_SUPERUSER_ONLY, check_path);
	define_string(PREFIX "config_file", "Settings of the program, given to it as --config.",
				  &setting_config_file, "", PGC_SIGHUP, GUC_SUPERUSER_ONLY, check_path);
	define_string(PREFIX "log_directory", "Directory for a log file of each run.",
				  &setting_log_directory, "", PGC_SIGHUP, GUC_SUPERUSER_ONLY, check_path);
	define_string(PREFIX "archive_repository",
				  "Repository that archive_library = 'nex_backup' stores WAL in.",
				  &setting_archive_repository, "", PGC_SIGHUP, GUC_SUPERUSER_ONLY,
				  check_repository);
	define_string(PREFIX "archive_compression", "How stored WAL is compressed.",
				  &setting_archive_compression, "zstd:1", PGC_SIGHUP, 0, check_compression);
	define_number(PREFIX "archive_threads", "How many threads compress WAL.",
				  &setting_archive_threads, 2, ARCHIVE_MAX_THREADS);
	define_number(PREFIX "archive_lookahead",
				  "How many WAL files may be on their way before the server asks for them.",
				  &setting_archive_lookahead, ARCHIVE_MAX_LOOKAHEAD, ARCHIVE_MAX_LOOKAHEAD);
	define_string(PREFIX "required_role", "Role whose members may define jobs.", &required_role,
				  "pg_execute_server_program", PGC_SIGHUP, 0, check_role);
	define_string(PREFIX "operator_role", "Role whose members may run and cancel jobs.",
				  &operator_role, "", PGC_SIGHUP, 0, check_role);
	define_string(PREFIX "missed_except",
				  "Databases of which the status expects no new backups; also \"globals\".",
				  &missed_except, "", PGC_SIGHUP, GUC_LIST_INPUT, NULL);
	define_string(PREFIX "testing_clock", "The time that the scheduler believes in, for tests.",
				  &testing_clock, "", PGC_SUSET, GUC_NO_SHOW_ALL | GUC_NOT_IN_SAMPLE,
				  check_testing_clock);
	/* A name that looks like one of the extension's is a mistake, which is to be reported. */
	MarkGUCPrefixReserved("nex_backup");
}

/*
 * nex_backup.setting(name), for SQL: current_setting() would not know the
 * settings before the library is loaded, and this loads it.
 */
Datum
nex_backup_setting(PG_FUNCTION_ARGS)
{
	char *name = psprintf(PREFIX "%s", text_to_cstring(PG_GETARG_TEXT_PP(0)));
	const char *value = GetConfigOption(name, false, false);

	if (value == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(value));
}
