/*-------------------------------------------------------------------------
 *
 * session_pins.c
 *	  Settings that our sessions have whatever the database and the role say.
 *
 * The owner of a database, who need not be a superuser, can give settings to
 * each session in it.  Some of them strike before the first statement can set
 * them right: a timeout of a millisecond, or a transaction that waits for all
 * others to end.  So they are part of the connection's start, where they
 * override what the database has.
 *
 * A role is different: ALTER ROLE may set one for good reasons, and nobody but
 * that role or an administrator does.  Only that of ALTER DATABASE is undone.
 *
 *-------------------------------------------------------------------------
 */
#include "session_pins.h"

#include <stdlib.h>
#include <string.h>

#include "buffer.h"
#include "memory.h"

/*
 * Those that every version from 14 on has, and that nobody wants to be otherwise.
 * A pool of genes is memory that is taken at once.
 */
#define OPTIONS                                                                                    \
	"-c statement_timeout=0 -c lock_timeout=0 -c idle_in_transaction_session_timeout=0"            \
	" -c idle_session_timeout=0 -c default_transaction_isolation=read\\ committed"                 \
	" -c default_transaction_read_only=off -c default_transaction_deferrable=off"                  \
	" -c local_preload_libraries= -c exit_on_error=off -c client_min_messages=warning"             \
	" -c geqo_pool_size=0 -c geqo_generations=0"                                                   \
	" -c standard_conforming_strings=on -c backslash_quote=safe_encoding -c array_nulls=on"        \
	" -c transform_null_equals=off -c quote_all_identifiers=off -c jit=off"

/*
 * What programs that write SQL leave to the session.  Date and time come back
 * in the same order and zone, and what has not changed is the same text again.
 */
#define OPTIONS_OF_WRITERS                                                                         \
	"-c DateStyle=ISO -c IntervalStyle=postgres -c TimeZone=UTC -c bytea_output=hex"               \
	" -c xmlbinary=base64 -c extra_float_digits=3 -c lc_monetary=C"                                \
	" -c max_parallel_workers_per_gather=0"

/* Of what a service file holds in a line (target_child.c), some is for what a caller adds. */
#define PRIVATE_ROOM 850

/* And of newer ones only. */
#define VERSION_WITH_TRANSACTION_TIMEOUT 170000
#define TRANSACTION_TIMEOUT " -c transaction_timeout=0"

/* What of pg_db_role_setting names a role. */
#define SETS_ROLE                                                                                  \
	"EXISTS (SELECT FROM pg_catalog.pg_db_role_setting s, pg_catalog.unnest(s.setconfig) c"        \
	" WHERE c LIKE 'role=%' AND "
#define THIS_DATABASE                                                                              \
	"(SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database())"

/*
 * All that the database has set and every role may set goes back to what PostgreSQL has by itself:
 * planner costs that make a query read a table a thousand times, memory, naps, network timeouts.
 * What only an administrator can set is left, and so is what the owner may want for the data: how
 * values are read and written, which fills materialized views, where and how rows are stored, how
 * good statistics are, and what belongs to an extension.  A transaction's settings cannot be set
 * here.
 */
const char session_reset_sql[] =
	"SELECT s.name, s.boot_val, pg_catalog.set_config(s.name, s.boot_val, false)"
	" FROM pg_catalog.pg_settings s"
	" WHERE s.source = 'database' AND s.context = 'user' AND s.boot_val IS NOT NULL"
	" AND s.name NOT IN ('transaction_isolation', 'transaction_read_only',"
	"  'transaction_deferrable', 'client_encoding', 'search_path', 'xmloption',"
	"  'default_text_search_config', 'default_toast_compression', 'default_table_access_method',"
	"  'default_tablespace', 'temp_tablespaces', 'default_statistics_target',"
	"  'lc_monetary', 'lc_numeric', 'lc_time', 'TimeZone', 'timezone_abbreviations', 'DateStyle',"
	"  'IntervalStyle', 'bytea_output', 'xmlbinary', 'extra_float_digits', 'array_nulls',"
	"  'transform_null_equals', 'backslash_quote', 'standard_conforming_strings',"
	"  'gin_fuzzy_search_limit') AND s.name NOT LIKE '%.%' ORDER BY s.name";

/*
 * What pg_dump's setup_connection() sets, and the settings besides it that
 * change text output (TimeZone, bytea_output, xmlbinary).  Parameters that
 * not every version has go through pg_settings, so that they are no error.
 */
const char session_pin_sql[] =
	"SET statement_timeout = 0;"
	"SET idle_in_transaction_session_timeout = 0;"
	"SELECT pg_catalog.set_config('search_path', '', false);"
	"SET DateStyle = ISO;"
	"SET IntervalStyle = postgres;"
	"SET TimeZone = 'UTC';"
	"SET extra_float_digits = 3;"
	"SET bytea_output = hex;"
	"SET xmlbinary = base64;"
	"SET quote_all_identifiers = off;"
	"SET synchronize_seqscans = off;"
	"SET jit = off;"
	/* An ANALYZE of ours holds locks, so it must not nap. */
	"SET vacuum_cost_delay = 0;"
	/* Parallel workers begin with the timeouts of the database. */
	"SET max_parallel_workers_per_gather = 0;"
	"SET constraint_exclusion = off;"
	"SET row_security = off;"
	"SET standard_conforming_strings = on;"
	"SET backslash_quote = safe_encoding;"
	"SET array_nulls = on;"
	"SET transform_null_equals = off;"
	"SET default_transaction_isolation = 'read committed';"
	"SET default_transaction_read_only = off;"
	"SET default_transaction_deferrable = off;"
	"SET client_min_messages = warning;"
	"SELECT pg_catalog.set_config('client_encoding',"
	" pg_catalog.pg_encoding_to_char(encoding), false)"
	" FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database();"
	"SELECT pg_catalog.set_config(name, '0', false) FROM pg_catalog.pg_settings"
	" WHERE name IN ('transaction_timeout', 'idle_session_timeout');"
	/* Without triggers, foreign keys of a live table would not be checked. */
	"SELECT pg_catalog.set_config(name, 'origin', false) FROM pg_catalog.pg_settings"
	" WHERE name = 'session_replication_role' AND setting <> 'origin' AND (SELECT rolsuper"
	"  FROM pg_catalog.pg_roles WHERE rolname = current_user);"
	"SELECT pg_catalog.set_config(name, 'view, foreign-table', false) FROM pg_catalog.pg_settings"
	" WHERE name = 'restrict_nonsystem_relation_kind';";

/*
 * The server needs more stack to print an expression than to read it, up to twice as much.  So what
 * a role has made with the usual 2 MB a superuser prints with what the usual limit of 8 MB for a
 * process allows, or else one of 4 MB.  Not with a role in between: the start of a child's session
 * is before that.
 */
#define STACK_SQL(kilobytes)                                                                       \
	"SELECT pg_catalog.set_config(s.name, '" kilobytes "', false) FROM pg_catalog.pg_settings s"   \
	" WHERE s.name = 'max_stack_depth' AND s.setting::pg_catalog.int4 < " kilobytes                \
	" AND s.source <> 'client' AND (SELECT pg_catalog.bool_and(r.rolsuper)"                        \
	"  FROM pg_catalog.pg_roles r WHERE r.rolname IN (session_user, current_user))"

void
session_forget_environment(void)
{
	static const char *const names[] = {"PGDATESTYLE", "PGTZ", "PGGEQO", "PGCLIENTENCODING"};
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		unsetenv(names[i]);
}

static const char *
given_options(const ConnectionTarget *target)
{
	int i;

	for (i = 0; i < target->count; i++)
	{
		if (strcmp(target->keywords[i], "options") == 0)
			return target->values[i];
	}
	return getenv("PGOPTIONS");
}

/* "-c role=x", "-crole=x", "--role=x", but not "session_replication_role=x". */
static bool
sets_role(const char *options)
{
	const char *found = options;

	while (found != NULL && (found = strstr(found, "role=")) != NULL)
	{
		if (found > options && strchr(" c-", found[-1]) != NULL)
			return true;
		found++;
	}
	return false;
}

static bool
has_service(const ConnectionTarget *target)
{
	const char *service = getenv("PGSERVICE");
	int i;

	for (i = 0; i < target->count; i++)
	{
		if (strcmp(target->keywords[i], "service") == 0)
			return true;
	}
	return service != NULL && service[0] != '\0';
}

static const char *
newer_options(const ConnectionTarget *target)
{
	return target->server_version >= VERSION_WITH_TRANSACTION_TIMEOUT ? TRANSACTION_TIMEOUT : "";
}

char *
session_options(const ConnectionTarget *target)
{
	const char *given = given_options(target);

	if (given == NULL && has_service(target))
		return NULL;
	return xasprintf(OPTIONS "%s%s%s", newer_options(target), given != NULL ? " " : "",
					 given != NULL ? given : "");
}

bool
session_pins_more(ConnectionTarget *target, int version, const char *message)
{
	bool before = target->server_version >= VERSION_WITH_TRANSACTION_TIMEOUT;

	if (version > 0)
		target->server_version = version;
	/* Libpq does not tell the SQLSTATE of a session that ended before it had begun. */
	else if (strstr(message, "transaction timeout") != NULL)
		target->server_version = VERSION_WITH_TRANSACTION_TIMEOUT;
	return !before && target->server_version >= VERSION_WITH_TRANSACTION_TIMEOUT;
}

bool
session_options_refused(const char *message)
{
	static const char *const words[] = {"startup parameter", "command-line options",
										"unrecognized configuration parameter"};
	size_t i;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
	{
		if (strstr(message, words[i]) != NULL)
			return true;
	}
	return false;
}

/* In options a backslash takes what follows as it is. */
static void
append_option(Buffer *options, const char *name, const char *value)
{
	buffer_printf(options, " -c %s=", name);
	for (; *value != '\0'; value++)
	{
		if (strchr("\\ \t\n\v\f\r", *value) != NULL)
			buffer_append_char(options, '\\');
		buffer_append_char(options, *value);
	}
}

char *
session_reset_options(const PGresult *result)
{
	Buffer options;
	int i;

	buffer_init(&options);
	buffer_append_string(&options, "");
	for (i = 0; i < PQntuples(result); i++)
		append_option(&options, PQgetvalue(result, i, 0), PQgetvalue(result, i, 1));
	return buffer_detach(&options);
}

const char *
session_stack_sql(int refused)
{
	static const char *const depths[] = {STACK_SQL("7680"), STACK_SQL("3584"), NULL};
	int last = (int) (sizeof(depths) / sizeof(depths[0])) - 1;

	return depths[refused < last ? refused : last];
}

char *
session_stack_options(char *options, const char *depth)
{
	char *more = xasprintf("%s -c max_stack_depth=%s", options, depth);

	free(options);
	return more;
}

const char *
session_role_sql(const ConnectionTarget *target)
{
	if (sets_role(given_options(target)))
		return "SELECT pg_catalog.current_setting('role')";
	return "SELECT CASE WHEN " SETS_ROLE "s.setrole = 0 AND s.setdatabase = " THIS_DATABASE ")"
		   " AND NOT " SETS_ROLE "s.setdatabase IN (0, " THIS_DATABASE ") AND s.setrole ="
		   " (SELECT r.oid FROM pg_catalog.pg_roles r WHERE r.rolname = session_user))"
		   " THEN pg_catalog.set_config('role', 'none', false)"
		   " ELSE pg_catalog.current_setting('role') END";
}

/*
 * Options that a service file cannot hold in a line are seen on the command line.  What the user
 * gave is not to be seen there, so the settings of the database stay if there is no room.
 */
static char *
child_options(const ConnectionTarget *target, const char *resets, const char *pins)
{
	const char *given = given_options(target);

	if (given == NULL)
		return xasprintf("%s %s", resets, pins);
	if (strlen(given) + strlen(resets) + strlen(pins) < PRIVATE_ROOM)
		return xasprintf("%s %s %s", resets, given, pins);
	return xasprintf("%s %s", given, pins);
}

static void
pin_child(ConnectionTarget *target, const char *role, const char *resets, const char *writer)
{
	bool chosen = sets_role(given_options(target));
	char *pins = xasprintf("%s" OPTIONS "%s", writer, newer_options(target));
	char *options = child_options(target, resets, pins);

	target_set_options(target, options);
	free(options);
	free(pins);
	if (role != NULL && !chosen)
		target_set_role(target, role);
}

void
session_pin_child(ConnectionTarget *target, const char *role, const char *resets)
{
	pin_child(target, role, resets, "");
}

void
session_pin_writer(ConnectionTarget *target, const char *role, const char *resets)
{
	pin_child(target, role, resets, OPTIONS_OF_WRITERS " ");
}
