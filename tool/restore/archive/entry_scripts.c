/*-------------------------------------------------------------------------
 *
 * entry_scripts.c
 *	  What pg_restore makes of each entry of the schema archive.
 *
 * A restore that goes on behind an error must know which statement of which
 * object failed.  pg_restore without --exit-on-error goes on, too, but what
 * failed is only in its messages, whose text holds names and errors that users
 * of the database choose, and which may be cut.  So it writes one script, and
 * the statements are run here.
 *
 * The script is cut at the comments with which pg_restore --verbose begins
 * each entry.  A comment within a literal or a function is none: the text is
 * read token by token.  Names in pg_restore's own comments have no line breaks.
 *
 *-------------------------------------------------------------------------
 */
#include "entry_scripts.h"

#include <stdlib.h>
#include <string.h>

#include "client_program.h"
#include "memory.h"
#include "pg_restore_options.h"
#include "sql_text.h"

static const char entry_mark[] = "-- TOC entry ";

static bool
is_word(const char *text, const char *end, const char *word)
{
	return (size_t) (end - text) == strlen(word) && strncmp(text, word, strlen(word)) == 0;
}

const char *
entry_statement_end(const char *text)
{
	bool after_begin = false;
	int parentheses = 0;
	int atomic = 0;

	while (*text != '\0' && (*text != ';' || parentheses > 0 || atomic > 0))
	{
		const char *end = sql_token_end(text);

		if (*text == '(')
			parentheses++;
		else if (*text == ')' && parentheses > 0)
			parentheses--;
		else if (after_begin && is_word(text, end, "ATOMIC"))
			atomic++;
		else if (atomic > 0 && is_word(text, end, "CASE"))
			atomic++;
		else if (atomic > 0 && is_word(text, end, "END"))
			atomic--;
		if (strchr(" \t\r\n", *text) == NULL)
			after_begin = is_word(text, end, "BEGIN");
		text = end;
	}
	return *text == ';' ? text + 1 : text;
}

/* The next mark of an entry that is a comment of its own, or the end of the text. */
static const char *
find_mark(const char *text)
{
	bool line = true;

	while (*text != '\0' && !(line && strncmp(text, entry_mark, strlen(entry_mark)) == 0))
	{
		line = *text == '\n';
		text = sql_token_end(text);
	}
	return text;
}

static bool
sets_for_next(const char *statement)
{
	return strncmp(statement, "SET default_tablespace = ", 25) == 0 ||
		   strncmp(statement, "SET default_table_access_method = ", 34) == 0;
}

/* The settings that hold from here on. */
typedef struct Current
{
	char *tablespace;
	char *method;
} Current;

static void
keep_setting(Current *current, const char *statement, const char *end)
{
	char **place = strncmp(statement, "SET default_tablespace", 22) == 0 ? &current->tablespace
																		 : &current->method;

	free(*place);
	*place = xasprintf("%.*s\n", (int) (end - statement), statement);
}

static void
add_script(EntryScripts *scripts, const Current *current, const char *mark, const char *end)
{
	const char *text = sql_skip_blank(mark);
	EntryScript *script;
	size_t length;

	if (text >= end)
		return;
	scripts->items =
		xrealloc(scripts->items, ((size_t) scripts->count + 1) * sizeof(*scripts->items));
	script = &scripts->items[scripts->count++];
	script->id = (int) strtol(mark + strlen(entry_mark), NULL, 10);
	script->settings = xasprintf("%s%s", current->tablespace != NULL ? current->tablespace : "",
								 current->method != NULL ? current->method : "");
	length = (size_t) (end - text);
	script->text = xmalloc(length + 1);
	memcpy(script->text, text, length);
	script->text[length] = '\0';
}

/* One entry: its statements, but for settings, which are those of the next one. */
static void
cut_entry(EntryScripts *scripts, Current *current, const char *mark, const char *end)
{
	const char *statement = sql_skip_blank(mark);
	const char *own = mark;
	Current before = {NULL, NULL};

	if (current->tablespace != NULL)
		before.tablespace = xstrdup(current->tablespace);
	if (current->method != NULL)
		before.method = xstrdup(current->method);
	while (statement < end)
	{
		const char *next = entry_statement_end(statement);

		if (sets_for_next(statement))
			keep_setting(current, statement, next);
		else
			own = next;
		statement = sql_skip_blank(next);
	}
	if (own > mark)
		add_script(scripts, &before, mark, own);
	free(before.tablespace);
	free(before.method);
}

/* What is before the first entry holds for the session, or for the first entry. */
static void
cut_head(EntryScripts *scripts, Current *current, const char *script, const char *end)
{
	const char *statement = sql_skip_blank(script);
	Buffer head;

	buffer_init(&head);
	buffer_append_string(&head, "");
	while (statement < end)
	{
		const char *next = entry_statement_end(statement);

		if (sets_for_next(statement))
			keep_setting(current, statement, next);
		else
			buffer_printf(&head, "%.*s\n", (int) (next - statement), statement);
		statement = sql_skip_blank(next);
	}
	scripts->head = buffer_detach(&head);
}

/* Which script is that of an id: many are asked for, one by one. */
static void
note_places(EntryScripts *scripts)
{
	uint32_t i;

	for (i = 0; i < scripts->count; i++)
	{
		if (scripts->items[i].id >= scripts->nplaces)
			scripts->nplaces = scripts->items[i].id + 1;
	}
	scripts->places = xcalloc((size_t) scripts->nplaces + 1, sizeof(*scripts->places));
	for (i = scripts->count; i > 0; i--)
	{
		if (scripts->items[i - 1].id >= 0)
			scripts->places[scripts->items[i - 1].id] = i;
	}
}

const EntryScript *
entry_scripts_find(const EntryScripts *scripts, int id)
{
	if (id < 0 || id >= scripts->nplaces || scripts->places[id] == 0)
		return NULL;
	return &scripts->items[scripts->places[id] - 1];
}

void
entry_scripts_cut(const char *script, EntryScripts *scripts)
{
	const char *mark = find_mark(script);
	Current current = {NULL, NULL};

	memset(scripts, 0, sizeof(*scripts));
	cut_head(scripts, &current, script, mark);
	while (*mark != '\0')
	{
		const char *end = find_mark(sql_token_end(mark));

		cut_entry(scripts, &current, mark, end);
		mark = end;
	}
	note_places(scripts);
	free(current.tablespace);
	free(current.method);
}

bool
entry_scripts_read(const RestorePlan *plan, EntryScripts *scripts)
{
	const char *argv[10] = {plan->pg_restore, "--verbose", "--file=-", plan->archive};
	size_t count = 4;
	Buffer script;
	bool good;

	memset(scripts, 0, sizeof(*scripts));
	pg_restore_add_options(plan, argv, &count);
	good = client_program_script("pg_restore", argv, NULL, &script, NULL);
	if (good)
	{
		script_clean(&script);
		entry_scripts_cut(script.data, scripts);
	}
	buffer_free(&script);
	return good;
}

void
entry_scripts_free(EntryScripts *scripts)
{
	uint32_t i;

	for (i = 0; i < scripts->count; i++)
	{
		free(scripts->items[i].text);
		free(scripts->items[i].settings);
	}
	free(scripts->items);
	free(scripts->places);
	free(scripts->head);
	memset(scripts, 0, sizeof(*scripts));
}
