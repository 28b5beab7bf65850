/*-------------------------------------------------------------------------
 *
 * target_child.c
 *	  How a child program is told where to connect, without telling anybody
 *	  else a secret: arguments and environment can be read by others.
 *
 * A password goes into a passfile.  For the other secrets of libpq, the
 * passphrase of the client key among them, there is no such thing; but a
 * service file can hold any keyword.  So a private one has services of ours
 * with the secrets, and behind them what the user's own service says, as only
 * one can be named; below that stands the user's service file, whose other
 * services must stay known.  What a keyword is, libpq is asked, so that one
 * of a later version is not shown because nobody here knew it.  The options,
 * settings of anybody's making, are there as well, if a line can hold them.
 *
 * They differ between the programs that share a directory, so each connection
 * has a service of its own, and none is ever changed: a program may read the
 * file when others are being started.
 *
 *-------------------------------------------------------------------------
 */
#include <errno.h>
#include <pthread.h>
#include <pwd.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "buffer.h"
#include "log.h"
#include "memory.h"
#include "private_file.h"
#include "subprocess.h"
#include "target.h"

#define PASSFILE "passfile"
#define OUR_SERVICE "nex_backup_child_%d"

/* What libpq reads of one line of a service file. */
#define SERVICE_LINE 1000
#define SERVICE_FILE_LIMIT (1024 * 1024)

bool
target_keyword_is_secret(const PQconninfoOption *option)
{
	static const char *const words[] = {"password", "secret", "token", "_key"};
	size_t i;

	if (option->dispchar != NULL && strchr(option->dispchar, '*') != NULL)
		return true;
	/* libpq calls some keys and secrets "debug options", or nothing at all. */
	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
	{
		if (strstr(option->keyword, words[i]) != NULL)
			return true;
	}
	return false;
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

char *
conninfo_of_database(const char *name)
{
	Buffer out;

	buffer_init(&out);
	append_conninfo(&out, "dbname", name);
	return buffer_detach(&out);
}

char *
database_option(const char *name)
{
	char *conninfo = conninfo_of_database(name);
	char *option = xasprintf("--database=%s", conninfo);

	free(conninfo);
	return option;
}

char *
conninfo_without_secrets(const char *conninfo)
{
	PQconninfoOption *options = is_conninfo(conninfo) ? PQconninfoParse(conninfo, NULL) : NULL;
	PQconninfoOption *option;
	bool secret = false;
	Buffer out;

	for (option = options; option != NULL && option->keyword != NULL; option++)
		secret = secret || (option->val != NULL && target_keyword_is_secret(option));
	buffer_init(&out);
	buffer_append_string(&out, "");
	for (option = secret ? options : NULL; option != NULL && option->keyword != NULL; option++)
	{
		if (option->val != NULL && !target_keyword_is_secret(option))
			append_conninfo(&out, option->keyword, option->val);
	}
	PQconninfoFree(options);
	if (!secret)
		buffer_append_string(&out, conninfo);
	return buffer_detach(&out);
}

/* ---- private files ---- */

/*
 * Write a file that children read while others are started: under another
 * name first, so that nobody sees a part of it.  False (reported) on failure.
 */
static bool
write_private(const char *directory, const char *name, const Buffer *text)
{
	static _Atomic unsigned counter;
	char *path = xasprintf("%s/%s", directory, name);
	char *temporary = xasprintf("%s.%u", path, atomic_fetch_add(&counter, 1));
	int error = new_file_write(temporary, text->data, text->length, false);

	if (error == 0 && rename(temporary, path) != 0)
		error = errno;
	if (error != 0)
		report_error(EXIT_FAILED, strerror(error), temporary_file_hint(error),
					 "could not write file \"%s\"", path);
	free(temporary);
	free(path);
	return error == 0;
}

/* Write "*:*:*:*:password", and name the file. */
static bool
add_passfile(Buffer *conninfo, const char *directory, const char *password)
{
	char *path = xasprintf("%s/" PASSFILE, directory);
	Buffer line;
	const char *c;
	bool good;

	buffer_init(&line);
	buffer_append_string(&line, "*:*:*:*:");
	for (c = password; *c != '\0'; c++)
	{
		if (*c == ':' || *c == '\\')
			buffer_append_char(&line, '\\');
		buffer_append_char(&line, *c);
	}
	buffer_append_char(&line, '\n');
	good = write_private(directory, PASSFILE, &line);
	if (good)
		append_conninfo(conninfo, "passfile", path);
	explicit_bzero(line.data, line.length);
	buffer_free(&line);
	free(path);
	return good;
}

/* ---- the service ---- */

/* Append the user's service file, as libpq finds it; none is fine. */
static void
append_user_services(Buffer *out)
{
	const char *named = getenv("PGSERVICEFILE");
	const struct passwd *user = named == NULL ? getpwuid(geteuid()) : NULL;
	char *path = named != NULL  ? xstrdup(named)
				 : user != NULL ? xasprintf("%s/.pg_service.conf", user->pw_dir)
								: NULL;

	if (path != NULL)
		(void) private_file_read(path, SERVICE_FILE_LIMIT, out);
	free(path);
}

/* The lines of one service in the text of a file; false if it is not there. */
static bool
append_service(Buffer *out, const char *text, const char *name)
{
	bool inside = false;
	size_t length;

	for (; *text != '\0'; text += length + (text[length] == '\n'))
	{
		const char *line = text + strspn(text, " \t");

		length = strcspn(text, "\n");
		if (*line == '[')
		{
			if (inside)
				break;
			inside = strncmp(line + 1, name, strlen(name)) == 0 && line[strlen(name) + 1] == ']';
		}
		else if (inside)
		{
			buffer_append(out, text, length);
			buffer_append_char(out, '\n');
		}
	}
	return inside;
}

/* Append what the user's service says, wherever it is defined. */
static void
append_named_service(Buffer *out, const Buffer *services, const char *name)
{
	const char *directory = getenv("PGSYSCONFDIR");
	char *path;
	Buffer system;

	if (append_service(out, services->data, name))
		return;
#ifdef PG_SYSCONFDIR
	if (directory == NULL)
		directory = PG_SYSCONFDIR;
#endif
	if (directory == NULL)
		return;
	path = xasprintf("%s/pg_service.conf", directory);
	buffer_init(&system);
	if (private_file_read(path, SERVICE_FILE_LIMIT, &system) == 0)
		append_service(out, system.data, name);
	buffer_free(&system);
	free(path);
}

/* Can a service file hold this value? */
static bool
fits_in_service(const char *keyword, const char *value)
{
	size_t length = strlen(value);

	return strpbrk(value, "\r\n") == NULL && strlen(keyword) + length + 2 < SERVICE_LINE &&
		   strchr(" \t\f\v", value[length - 1]) == NULL;
}

/* What the private file has by now, or else the user's. */
static void
append_known_services(Buffer *out, const char *directory)
{
	char *path = xasprintf("%s/" TARGET_SERVICE_FILE, directory);

	if (private_file_read(path, SERVICE_FILE_LIMIT, out) != 0)
	{
		buffer_reset(out);
		append_user_services(out);
	}
	free(path);
}

/* The name of the service of ours with these lines, or of a new one; is it there? */
static char *
name_service(const Buffer *services, const Buffer *lines, bool *known)
{
	int number;

	for (number = 0;; number++)
	{
		char *name = xasprintf(OUR_SERVICE, number);
		char *header = xasprintf("[%s]\n", name);
		const char *found = strstr(services->data, header);

		if (found != NULL)
			found += strlen(header);
		free(header);
		*known = found != NULL && strncmp(found, lines->data, lines->length) == 0;
		if (found == NULL || *known)
			return name;
		free(name);
	}
}

/* Put a service on top of the private file: secrets, the user's service. */
static bool
add_service(Buffer *conninfo, const char *directory, const Buffer *secrets, const char *service)
{
	static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
	Buffer services;
	Buffer lines;
	Buffer text;
	char *name;
	bool good = true;
	bool known;

	pthread_mutex_lock(&mutex);
	buffer_init(&services);
	buffer_append_string(&services, "");
	append_known_services(&services, directory);
	buffer_init(&lines);
	buffer_append(&lines, secrets->data, secrets->length);
	if (service != NULL)
		append_named_service(&lines, &services, service);
	buffer_append_char(&lines, '\n');
	name = name_service(&services, &lines, &known);
	buffer_init(&text);
	if (!known)
	{
		buffer_printf(&text, "[%s]\n", name);
		buffer_append(&text, lines.data, lines.length);
		buffer_append(&text, services.data, services.length);
		good = write_private(directory, TARGET_SERVICE_FILE, &text);
		explicit_bzero(text.data, text.length);
	}
	pthread_mutex_unlock(&mutex);
	if (good)
		append_conninfo(conninfo, "service", name);
	explicit_bzero(lines.data, lines.length);
	explicit_bzero(services.data, services.length);
	buffer_free(&text);
	buffer_free(&lines);
	buffer_free(&services);
	free(name);
	return good;
}

/* Is this keyword of a target a secret? */
static bool
is_secret(const PQconninfoOption *known, const char *keyword)
{
	for (; known != NULL && known->keyword != NULL; known++)
	{
		if (strcmp(known->keyword, keyword) == 0)
			return target_keyword_is_secret(known);
	}
	return false;
}

/* Take the secrets apart from the rest; "service" too, as ours may take its place. */
static bool
separate(const ConnectionTarget *target, Buffer *conninfo, Buffer *secrets)
{
	PQconninfoOption *known = PQconninfoParse("", NULL);
	bool good = true;
	int i;

	for (i = 0; i < target->count && good; i++)
	{
		const char *keyword = target->keywords[i];
		const char *value = target->values[i];
		bool fits = fits_in_service(keyword, value);

		if (strcmp(keyword, "service") == 0)
			continue;

		if (!is_secret(known, keyword) && !(strcmp(keyword, "options") == 0 && fits))
			append_conninfo(conninfo, keyword, value);
		else if (fits)
			buffer_printf(secrets, "%s=%s\n", keyword, value);
		else
			good = report_error(EXIT_USAGE,
								"It is given to child programs in a service file, which can hold "
								"neither line breaks, nor blanks at the end, nor long values.",
								NULL, "the value of connection parameter \"%s\" cannot be used",
								keyword);
	}
	PQconninfoFree(known);
	return good;
}

char *
target_conninfo_for_child(const ConnectionTarget *target, const char *directory)
{
	const char *service = target_get(target, "service");
	Buffer secrets;
	Buffer out;
	bool good;

	buffer_init(&out);
	buffer_append_string(&out, "");
	buffer_init(&secrets);
	buffer_append_string(&secrets, "");
	good = separate(target, &out, &secrets);
	if (good && secrets.length > 0)
		good =
			add_service(&out, directory, &secrets, service != NULL ? service : getenv("PGSERVICE"));
	else if (service != NULL)
		append_conninfo(&out, "service", service);
	/* A session of ours may keep others waiting until this one is there. */
	if (good && !target_says(target, "connect_timeout"))
		append_conninfo(&out, "connect_timeout", TARGET_CONNECT_TIMEOUT);
	if (good && target->password != NULL)
		good = add_passfile(&out, directory, target->password);
	explicit_bzero(secrets.data, secrets.length);
	buffer_free(&secrets);
	if (good)
		return buffer_detach(&out);
	buffer_free(&out);
	return NULL;
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
