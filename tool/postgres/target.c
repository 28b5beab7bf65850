/*-------------------------------------------------------------------------
 *
 * target.c
 *	  Where and how to connect.  How a child program is told so, without
 *	  telling anybody else a password, is in target_child.c.
 *
 * A target keeps libpq's keywords apart instead of one conninfo string,
 * because the same server is visited with several database names, and
 * because the password must be left out wherever the rest is written down.
 *
 *-------------------------------------------------------------------------
 */
#include "target.h"

#include <stdlib.h>
#include <string.h>

#include "backup_settings.h"
#include "buffer.h"
#include "connection_settings.h"
#include "log.h"
#include "memory.h"
#include "private_file.h"
#include "quote.h"
#include "settings.h"
#include "terminal.h"

bool
is_conninfo(const char *text)
{
	return strncmp(text, "postgresql://", 13) == 0 || strncmp(text, "postgres://", 11) == 0 ||
		   strchr(text, '=') != NULL;
}

static void
target_set(ConnectionTarget *target, const char *keyword, const char *value)
{
	int i;

	for (i = 0; i < target->count; i++)
	{
		if (strcmp(target->keywords[i], keyword) == 0)
			break;
	}
	if (i == TARGET_MAX_OPTIONS)
		return;
	if (i == target->count)
	{
		target->keywords[i] = xstrdup(keyword);
		target->count++;
	}
	else
		free(target->values[i]);
	target->values[i] = xstrdup(value);
}

static void
target_drop(ConnectionTarget *target, const char *keyword)
{
	int i;

	for (i = 0; i < target->count; i++)
	{
		if (strcmp(target->keywords[i], keyword) != 0)
			continue;
		free(target->keywords[i]);
		free(target->values[i]);
		target->count--;
		target->keywords[i] = target->keywords[target->count];
		target->values[i] = target->values[target->count];
		return;
	}
}

const char *
target_get(const ConnectionTarget *target, const char *keyword)
{
	int i;

	for (i = 0; i < target->count; i++)
	{
		if (strcmp(target->keywords[i], keyword) == 0)
			return target->values[i];
	}
	return NULL;
}

static void
target_forget_password(ConnectionTarget *target)
{
	secret_text_free(target->password);
	target->password = NULL;
}

/* Take over what a conninfo string says. */
static bool
target_expand(ConnectionTarget *target, const char *conninfo)
{
	PQconninfoOption *options;
	PQconninfoOption *option;
	char *message = NULL;

	options = PQconninfoParse(conninfo, &message);
	if (options == NULL)
	{
		/* The message may quote the string, and the string may hold a password. */
		report_error(EXIT_USAGE, NULL,
					 "Write it as \"host=… dbname=… user=…\" or as postgresql://user@host/dbname.",
					 "invalid connection string");
		PQfreemem(message);
		return false;
	}
	for (option = options; option->keyword != NULL; option++)
	{
		if (option->val == NULL || option->val[0] == '\0')
			continue;
		if (target_keyword_is_secret(option))
			forbid_core_dumps();
		if (strcmp(option->keyword, "password") == 0)
		{
			target_forget_password(target);
			target->password = xstrdup(option->val);
		}
		else
			target_set(target, option->keyword, option->val);
	}
	PQconninfoFree(options);
	return true;
}

/*
 * The host that the settings name takes the place of that of a connection
 * string.  What belongs to the other host must not come along: by its address
 * we would go there, with what .pgpass holds for the name; and its password
 * is not for this one.
 */
static void
override_host(ConnectionTarget *target, const char *host)
{
	const char *other = target_get(target, "host");

	target_drop(target, "hostaddr");
	if (other != NULL && strcmp(other, host) != 0)
		target_forget_password(target);
	target_set(target, "host", host);
}

/*
 * What was typed at a prompt.  The settings name one server, so whoever made
 * a target of them, a record in the catalog included, need not ask again.
 */
static char *typed_password;

/* Ask on the terminal, without echo; NULL if there is none. */
static char *
ask_password(const char *user)
{
	char *safe = user != NULL ? printable_name(user) : NULL;
	char *prompt = safe != NULL ? xasprintf("Password for user %s: ", safe) : xstrdup("Password: ");
	char *password = terminal_ask_secret(prompt);

	free(safe);
	free(prompt);
	return password;
}

static void
take_environment_password(ConnectionTarget *target)
{
	if (target->password != NULL || getenv("PGPASSWORD") == NULL)
		return;
	forbid_core_dumps();
	target->password = xstrdup(getenv("PGPASSWORD"));
}

/*
 * Of what the user's service says, libpq knows; it tells also for an attempt
 * that it refuses for a value that is not valid, so that nobody is visited.
 */
static PQconninfoOption *
with_service(const ConnectionTarget *target)
{
	const char *service = target_get(target, "service");
	const char *keywords[] = {"target_session_attrs", service != NULL ? "service" : NULL, NULL};
	const char *values[] = {"none of these", service, NULL};
	PGconn *pg = PQconnectStartParams(keywords, values, 0);
	PQconninfoOption *options = pg != NULL ? PQconninfo(pg) : NULL;

	if (pg != NULL)
		PQfinish(pg);
	return options;
}

/* Is this said by a service? */
static bool
is_said(const PQconninfoOption *options, const char *keyword)
{
	for (; options != NULL && options->keyword != NULL; options++)
	{
		if (strcmp(options->keyword, keyword) == 0)
			return options->val != NULL && options->val[0] != '\0';
	}
	return false;
}

bool
target_says(const ConnectionTarget *target, const char *keyword)
{
	PQconninfoOption *options;
	bool said = target_get(target, keyword) != NULL;

	if (said)
		return true;
	options = with_service(target);
	said = is_said(options, keyword);
	PQconninfoFree(options);
	return said;
}

static void
target_notice_silence(ConnectionTarget *target)
{
	static const char *const defaults[][2] = {
		{"keepalives_idle", TARGET_KEEPALIVES_IDLE},
		{"keepalives_interval", TARGET_KEEPALIVES_INTERVAL},
		{"keepalives_count", TARGET_KEEPALIVES_COUNT},
		{"tcp_user_timeout", TARGET_USER_TIMEOUT},
	};
	PQconninfoOption *options = with_service(target);
	size_t i;

	for (i = 0; i < sizeof(defaults) / sizeof(defaults[0]); i++)
	{
		const char *keyword = defaults[i][0];

		if (target_get(target, keyword) != NULL || is_said(options, keyword))
			continue;
		target_set(target, keyword, defaults[i][1]);
		if (strcmp(keyword, "tcp_user_timeout") == 0)
			target->user_timeout = true;
	}
	PQconninfoFree(options);
}

void
target_send_patiently(ConnectionTarget *target)
{
	if (target->user_timeout)
		target_drop(target, "tcp_user_timeout");
	target->user_timeout = false;
}

ConnectionTarget *
target_create(const Settings *settings, const char *database)
{
	ConnectionTarget *target = xcalloc(1, sizeof(ConnectionTarget));
	const char *dbname = database != NULL ? database : settings->connection->dbname;

	if (settings->connection->dbname != NULL && is_conninfo(settings->connection->dbname))
	{
		if (!target_expand(target, settings->connection->dbname))
		{
			target_free(target);
			return NULL;
		}
		dbname = database;
	}
	if (settings->connection->host != NULL)
		override_host(target, settings->connection->host);
	if (settings->connection->port != NULL)
		target_set(target, "port", settings->connection->port);
	if (settings->connection->username != NULL)
		target_set(target, "user", settings->connection->username);
	if (dbname != NULL)
		target_set(target, "dbname", dbname);
	target_notice_silence(target);
	take_environment_password(target);
	target->may_ask = !settings->connection->no_password;
	target->lock_patience = settings->backup->lock_wait_timeout;
	if (settings->connection->force_password && typed_password == NULL)
		target_ask_password(target);
	if (typed_password != NULL)
	{
		free(target->password);
		target->password = xstrdup(typed_password);
	}
	return target;
}

ConnectionTarget *
target_from_conninfo(const char *conninfo)
{
	ConnectionTarget *target = xcalloc(1, sizeof(ConnectionTarget));

	if (!is_conninfo(conninfo))
		target_set(target, "dbname", conninfo);
	else if (!target_expand(target, conninfo))
	{
		target_free(target);
		return NULL;
	}
	target_notice_silence(target);
	take_environment_password(target);
	return target;
}

ConnectionTarget *
target_with_database(const ConnectionTarget *target, const char *database)
{
	ConnectionTarget *copy = xcalloc(1, sizeof(ConnectionTarget));
	int i;

	for (i = 0; i < target->count; i++)
		target_set(copy, target->keywords[i], target->values[i]);
	target_set(copy, "dbname", database);
	copy->password = xstrdup(target->password);
	copy->may_ask = target->may_ask;
	copy->last_word = target->last_word;
	copy->lock_patience = target->lock_patience;
	copy->patience = target->patience;
	copy->bound_lock_waits = target->bound_lock_waits;
	copy->lock_timeout = target->lock_timeout;
	copy->server_version = target->server_version;
	copy->user_timeout = target->user_timeout;
	return copy;
}

void
target_free(ConnectionTarget *target)
{
	int i;

	if (target == NULL)
		return;
	for (i = 0; i < target->count; i++)
	{
		free(target->keywords[i]);
		free(target->values[i]);
	}
	target_forget_password(target);
	free(target);
}

const char *
target_database(const ConnectionTarget *target)
{
	const char *name = target_get(target, "dbname");

	if (name == NULL)
		name = getenv("PGDATABASE");
	if (name == NULL)
		name = target_get(target, "user");
	return name;
}

void
target_add_option(ConnectionTarget *target, const char *option)
{
	const char *given = target_get(target, "options");
	char *all;

	if (given == NULL)
		given = getenv("PGOPTIONS");
	all = given != NULL ? xasprintf("%s %s", given, option) : xstrdup(option);
	target_set(target, "options", all);
	free(all);
}

void
target_set_options(ConnectionTarget *target, const char *options)
{
	target_set(target, "options", options);
}

/* In PGOPTIONS a backslash takes what follows as it is. */
void
target_set_role(ConnectionTarget *target, const char *role)
{
	Buffer option;
	const char *c;

	buffer_init(&option);
	buffer_append_string(&option, "-c role=");
	for (c = role; *c != '\0'; c++)
	{
		if (*c == '\\' || *c == ' ')
			buffer_append_char(&option, '\\');
		buffer_append_char(&option, *c);
	}
	target_add_option(target, option.data);
	buffer_free(&option);
}

bool
target_ask_password(ConnectionTarget *target)
{
	char *password = ask_password(target_get(target, "user"));

	if (password == NULL)
		return false;
	forbid_core_dumps();
	target_forget_password(target);
	target->password = password;
	free(typed_password);
	typed_password = xstrdup(password);
	return true;
}
