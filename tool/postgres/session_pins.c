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
	" -c transform_null_equals=off -c quote_all_identifiers=off"

/*
 * What programs that write SQL leave to the session.  Date and time come back
 * in the same order and zone, and what has not changed is the same text again.
 */
#define OPTIONS_OF_WRITERS                                                                         \
	"-c DateStyle=ISO -c IntervalStyle=postgres -c TimeZone=UTC -c bytea_output=hex"               \
	" -c xmlbinary=base64 -c extra_float_digits=3 -c lc_monetary=C"                                \
	" -c max_parallel_workers_per_gather=0"

/* And of newer ones only. */
#define VERSION_WITH_TRANSACTION_TIMEOUT 170000
#define TRANSACTION_TIMEOUT " -c transaction_timeout=0"

/* What of pg_db_role_setting names a role. */
#define SETS_ROLE                                                                                  \
	"EXISTS (SELECT FROM pg_catalog.pg_db_role_setting s, pg_catalog.unnest(s.setconfig) c"        \
	" WHERE c LIKE 'role=%' AND "
#define THIS_DATABASE                                                                              \
	"(SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database())"

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

void
session_pin_child(ConnectionTarget *target, const char *role)
{
	const char *given = given_options(target);
	bool chosen = sets_role(given);
	char *options = xasprintf("%s%s" OPTIONS "%s", given != NULL ? given : "",
							  given != NULL ? " " : "", newer_options(target));

	target_set_options(target, options);
	free(options);
	if (role != NULL && !chosen)
		target_set_role(target, role);
}

void
session_pin_writer(ConnectionTarget *target, const char *role)
{
	target_add_option(target, OPTIONS_OF_WRITERS);
	session_pin_child(target, role);
}
