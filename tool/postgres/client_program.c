/*-------------------------------------------------------------------------
 *
 * client_program.c
 *	  What PostgreSQL's client programs leave behind.
 *
 *-------------------------------------------------------------------------
 */
#include "client_program.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "connection.h"
#include "interrupt.h"
#include "log.h"
#include "memory.h"

/* Its recursion is as deep as the longest chain of objects that depend on each other. */
#define DEEP_HINT                                                                                  \
	"The stack may have been too small for a chain of functions or views of which each uses the "  \
	"one before. Raise the limit (ulimit -s), or find them: SELECT pronamespace::regnamespace, "   \
	"count(*) FROM pg_proc GROUP BY 1 ORDER BY 2 DESC."

/* It happens while the server prints a definition, whose OID is in the query. */
#define PRINTING_HINT                                                                              \
	"The server needs more stack to print this definition than to take it. Find whose it is by "   \
	"the number in the query (SELECT oid::regclass, relowner::regrole FROM pg_class WHERE oid = "  \
	"...), and have it dropped or made simpler. Or back up as a superuser, or let one run ALTER "  \
	"ROLE ... SET max_stack_depth = '7680kB' for the role that makes backups."

/* What the messages of a program that failed call for. */
static const char *
hint_of(const char *errors)
{
	return strstr(errors, "stack depth limit exceeded") != NULL ? PRINTING_HINT
																: connection_limit_hint(errors);
}

bool
client_program_check(const char *program, SubprocessResult *result)
{
	if (result->exit_code == 0)
		return true;
	/* Ended by ourselves, or by what was reported elsewhere. */
	if (stop_requested())
		return false;
	if (result->exit_code < 0)
		return report_error(EXIT_FAILED, result->errors.data,
							result->signal == SIGSEGV ? DEEP_HINT : NULL,
							"%s was terminated by signal %d", program, result->signal);
	return report_error(EXIT_FAILED, result->errors.data, hint_of(result->errors.data),
						"%s failed with exit code %d", program, result->exit_code);
}

/* The last comment of a script by pg_dumpall or pg_restore; only an \unrestrict comes after it. */
static bool
is_complete(const Buffer *script)
{
	static const char *const endings[] = {"\n-- PostgreSQL database dump complete\n",
										  "\n-- PostgreSQL database cluster dump complete\n"};
	size_t i;

	for (i = 0; i < sizeof(endings) / sizeof(endings[0]); i++)
	{
		const char *at = script->data;
		const char *found = NULL;

		while ((at = strstr(at, endings[i])) != NULL)
			found = at++;
		if (found == NULL)
			continue;
		found += strlen(endings[i]);
		found += strspn(found, "-\n");
		if (strncmp(found, "\\unrestrict ", strlen("\\unrestrict ")) == 0)
			found += strcspn(found, "\n");
		if (found + strspn(found, "\n") == script->data + script->length)
			return true;
	}
	return false;
}

bool
client_program_script(const char *program, const char *const *argv, const char *directory,
					  Buffer *script, char **warnings)
{
	SubprocessResult result;
	bool good;

	buffer_init(script);
	if (!subprocess_capture(argv, directory, script, &result))
		return false;
	good = client_program_check(program, &result);
	if (good && !is_complete(script))
		good = report_error(EXIT_FAILED, result.errors.data[0] != '\0' ? result.errors.data : NULL,
							NULL, "%s ended with exit code 0, but what it wrote is not complete",
							program);
	if (good && warnings != NULL)
		*warnings = xstrdup(result.errors.data);
	subprocess_result_free(&result);
	return good;
}

void
script_cut_line(Buffer *script, char *line)
{
	char *end = strchr(line, '\n');
	size_t length = end != NULL ? (size_t) (end - line) + 1 : strlen(line);

	memmove(line, line + length, script->length - (size_t) (line - script->data) - length + 1);
	script->length -= length;
}

/*
 * The \restrict of the script, which stands behind its first comments; NULL
 * if the program that wrote it is older than that.  Further down a line that
 * begins so is part of somebody's comment or function.
 */
static char *
find_restrict(const Buffer *script)
{
	char *line = script->data;

	while (*line == '\n' || strncmp(line, "--", 2) == 0)
	{
		line += strcspn(line, "\n");
		line += *line == '\n';
	}
	return strncmp(line, "\\restrict ", 10) == 0 ? line : NULL;
}

/* The key is random, so its second occurrence can only be the \unrestrict. */
void
script_cut_restrict(Buffer *script)
{
	char *line = find_restrict(script);
	char *closing;
	char *found;
	size_t length;

	if (line == NULL)
		return;
	length = strcspn(line + 10, "\n");
	closing = xasprintf("\n\\unrestrict %.*s\n", (int) length, line + 10);
	script_cut_line(script, line);
	found = strstr(script->data, closing);
	if (found != NULL)
		script_cut_line(script, found + 1);
	free(closing);
}

void
script_clean(Buffer *script)
{
	static const char timeout[] = "SET transaction_timeout = 0;\n";
	char *found;

	script_cut_restrict(script);
	found = strstr(script->data, timeout);
	if (found != NULL && found < strstr(script->data, "SET row_security"))
		script_cut_line(script, found);
}
