/*-------------------------------------------------------------------------
 *
 * quoted_statements.c
 *	  What pg_restore quotes in its messages, and who may read it.
 *
 * pg_restore writes what the server said and the whole statement, but no
 * SQLSTATE, by which could be told whether the words hold a value.  So nobody
 * else is told any of it but the name of the object, which the archive has, and
 * causes that are known word by word.  Options of foreign servers and the like
 * hold passwords; those statements are not even shown to whoever restores.
 *
 *-------------------------------------------------------------------------
 */
#include "quoted_statements.h"

#include <stdlib.h>
#include <string.h>

#include "archive_toc.h"
#include "memory.h"
#include "quote.h"
#include "sql_text.h"
#include "withheld.h"

#define LONGEST_QUOTE 4000 /* bytes of a statement in a message */
#define QUERY_MARK "could not execute query: ERROR:  "
#define COMMAND_MARK "\nCommand was: "
#define NOT_SHOWN "The statement is not shown, as it may hold a password."

bool
statement_may_be_secret(const char *statement)
{
	static const char *const beginnings[] = {"CREATE USER MAPPING ", "CREATE SERVER ",
											 "CREATE SUBSCRIPTION ", "CREATE FOREIGN ",
											 "ALTER SUBSCRIPTION ",  "ALTER FOREIGN "};
	const char *start = sql_skip_blank(statement);
	size_t i;

	for (i = 0; i < sizeof(beginnings) / sizeof(beginnings[0]); i++)
	{
		if (strncmp(start, beginnings[i], strlen(beginnings[i])) == 0)
			return true;
	}
	return false;
}

/* A cause that may be told, or NULL. */
static const char *
known_cause(const char *words)
{
	static const char *const causes[] = {"No space left on device",
										 "out of memory",
										 "out of shared memory",
										 "terminating connection",
										 "server closed the connection",
										 "the database system is",
										 "canceling statement due to lock timeout",
										 "permission denied",
										 "must be owner of",
										 "must be superuser",
										 "already exists",
										 "does not exist",
										 "is not available"};
	size_t i;

	for (i = 0; i < sizeof(causes) / sizeof(causes[0]); i++)
	{
		if (strstr(words, causes[i]) != NULL)
			return causes[i];
	}
	return NULL;
}

/* Does this definition begin the text, but for blanks at its end? */
static bool
is_quoted(const char *definition, const char *text)
{
	size_t length = strlen(definition);

	while (length > 0 && strchr(" \n", definition[length - 1]) != NULL)
		length--;
	return length > 0 && strncmp(definition, text, length) == 0 &&
		   text[length + strspn(text + length, " \n")] == '\0';
}

/* The object whose definition the statement is, or NULL; caller frees. */
static char *
object_of(const RestorePlan *plan, const char *statement)
{
	char *label = NULL;
	ArchiveToc toc;
	uint32_t i;

	if (!archive_toc_load(plan->repository, plan->manifest, &toc))
		return NULL;
	for (i = 0; i < toc.count && label == NULL; i++)
	{
		if (is_quoted(toc.entries[i].definition, statement))
			label = toc_entry_label(&toc.entries[i]);
	}
	archive_toc_free(&toc);
	return label;
}

/* So much of the words as people read, and how much more there was. */
static char *
beginning_of(const char *words)
{
	size_t length = strlen(words);
	size_t kept = LONGEST_QUOTE;

	if (length <= LONGEST_QUOTE)
		return xstrdup(words);
	while (kept > 0 && ((unsigned char) words[kept] & 0xC0) == 0x80)
		kept--;
	return xasprintf("%.*s... (and %zu bytes more)", (int) kept, words, length - kept);
}

char *
pg_restore_detail(const RestorePlan *plan, const SubprocessResult *result, const char *error)
{
	const char *words = error != NULL ? strstr(error, QUERY_MARK) : NULL;
	const char *command = words != NULL ? strstr(words, COMMAND_MARK) : NULL;
	const char *cause = words != NULL ? known_cause(words) : NULL;
	char *note = cause != NULL ? xasprintf("except: %s", cause) : NULL;
	char *label = NULL;
	char *shown;
	char *marked;
	char *detail;

	if (words == NULL)
		return xstrdup(error != NULL ? error : result->errors.data);
	if (command != NULL)
	{
		command += strlen(COMMAND_MARK);
		label = object_of(plan, command);
	}
	if (command != NULL && statement_may_be_secret(command))
		shown = xasprintf("%.*s\n" NOT_SHOWN, (int) strcspn(words, "\n"), words);
	else
		shown = beginning_of(words);
	marked = withhold(shown, note);
	detail = xasprintf("%s%s%s", label != NULL ? label : "", label != NULL ? ": " : "", marked);
	free(marked);
	free(shown);
	free(label);
	free(note);
	return detail;
}
