/*-------------------------------------------------------------------------
 *
 * target.c
 *	  Where and how to connect, and how to tell a child program so without
 *	  telling anybody else the password.
 *
 * A target keeps libpq's keywords apart instead of one conninfo string,
 * because the same server is visited with several database names, and
 * because the password must be left out wherever the rest is written down.
 *
 *-------------------------------------------------------------------------
 */
#include "target.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "buffer.h"
#include "interrupt.h"
#include "log.h"
#include "memory.h"
#include "terminal.h"

#define POLL_INTERVAL_MS 200

/* True for a conninfo string or URI, by the rule that libpq's dbname expansion follows. */
static bool
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

static const char *
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
		if (strcmp(option->keyword, "password") == 0)
		{
			free(target->password);
			target->password = xstrdup(option->val);
		}
		else
			target_set(target, option->keyword, option->val);
	}
	PQconninfoFree(options);
	return true;
}

/*
 * What was typed at a prompt.  The settings name one server, so whoever made
 * a target of them, a record in the catalogue included, need not ask again.
 */
static char *typed_password;

/* Ask on the terminal, without echo; NULL if there is none. */
static char *
ask_password(const char *user)
{
	char *prompt = user != NULL ? xasprintf("Password for user %s: ", user) : xstrdup("Password: ");
	char *password = terminal_ask_secret(prompt);

	free(prompt);
	return password;
}

ConnectionTarget *
target_create(const Settings *settings, const char *database)
{
	ConnectionTarget *target = xcalloc(1, sizeof(ConnectionTarget));
	const char *dbname = database != NULL ? database : settings->dbname;

	if (settings->dbname != NULL && is_conninfo(settings->dbname))
	{
		if (!target_expand(target, settings->dbname))
		{
			target_free(target);
			return NULL;
		}
		dbname = database;
	}
	if (settings->host != NULL)
		target_set(target, "host", settings->host);
	if (settings->port != NULL)
		target_set(target, "port", settings->port);
	if (settings->username != NULL)
		target_set(target, "user", settings->username);
	if (dbname != NULL)
		target_set(target, "dbname", dbname);
	if (target->password == NULL && getenv("PGPASSWORD") != NULL)
		target->password = xstrdup(getenv("PGPASSWORD"));
	target->may_ask = !settings->no_password;
	if (settings->force_password && typed_password == NULL)
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
	if (target->password == NULL && getenv("PGPASSWORD") != NULL)
		target->password = xstrdup(getenv("PGPASSWORD"));
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
	if (target->password != NULL)
		explicit_bzero(target->password, strlen(target->password));
	free(target->password);
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
	free(target->password);
	target->password = password;
	free(typed_password);
	typed_password = xstrdup(password);
	return true;
}

/* Append keyword='value' with the quoting of conninfo strings. */
static void
append_conninfo(Buffer *out, const char *keyword, const char *value)
{
	const char *c;

	if (out->length > 0)
		buffer_append_char(out, ' ');
	buffer_printf(out, "%s='", keyword);
	for (c = value; *c != '\0'; c++)
	{
		if (*c == '\'' || *c == '\\')
			buffer_append_char(out, '\\');
		buffer_append_char(out, *c);
	}
	buffer_append_char(out, '\'');
}

/* Write "*:*:*:*:password" into a private file; false (reported) if it cannot be written. */
static bool
write_passfile(const char *path, const char *password)
{
	Buffer line;
	const char *c;
	bool good;
	int fd;

	buffer_init(&line);
	buffer_append_string(&line, "*:*:*:*:");
	for (c = password; *c != '\0'; c++)
	{
		if (*c == ':' || *c == '\\')
			buffer_append_char(&line, '\\');
		buffer_append_char(&line, *c);
	}
	buffer_append_char(&line, '\n');
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	good = fd >= 0 && write(fd, line.data, line.length) == (ssize_t) line.length;
	if (!good)
		report_error(EXIT_FAILED, strerror(errno), NULL, "could not write file \"%s\"", path);
	if (fd >= 0)
		close(fd);
	explicit_bzero(line.data, line.length);
	buffer_free(&line);
	return good;
}

char *
target_conninfo_for_child(const ConnectionTarget *target, const char *directory)
{
	Buffer out;
	int i;

	buffer_init(&out);
	buffer_append_string(&out, "");
	for (i = 0; i < target->count; i++)
		append_conninfo(&out, target->keywords[i], target->values[i]);
	if (target->password != NULL)
	{
		char *path = xasprintf("%s/passfile", directory);

		if (!write_passfile(path, target->password))
		{
			free(path);
			buffer_free(&out);
			return NULL;
		}
		append_conninfo(&out, "passfile", path);
		free(path);
	}
	return buffer_detach(&out);
}

char *
target_conninfo_for_pg_dumpall(const ConnectionTarget *target, const char *database,
							   const char *directory)
{
	ConnectionTarget *pinned = target_with_database(target, database);
	char *conninfo;

	target_add_option(pinned, "-c DateStyle=ISO -c TimeZone=UTC");
	conninfo = target_conninfo_for_child(pinned, directory);
	target_free(pinned);
	return conninfo;
}
