/*-------------------------------------------------------------------------
 *
 * archive_columns.c
 *	  The columns of a table, and what their types are made of, as the archive
 *	  of a backup has them.
 *
 * The manifest knows the names of columns only, and only of those that have
 * rows.  The archive has the statements that make the tables.  pg_dump writes
 * one column a line, its name first, then its type as format_type() gives it
 * with an empty search_path, then words in upper case; so the type can be
 * compared with that of a live column as text.
 *
 *-------------------------------------------------------------------------
 */
#include "archive_columns.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "memory.h"
#include "sql_name.h"
#include "sql_text.h"

/* Parents of parents, domains over domains: more is a circle, which no server has made. */
#define MAX_STEPS 1000

static void read_columns(const ArchiveToc *toc, const TocEntry *entry, int *steps,
						 ArchiveColumns *columns);

static bool
is_word(const char *token, const char *end, const char *word)
{
	return (size_t) (end - token) == strlen(word) && strncmp(token, word, strlen(word)) == 0;
}

/* pg_dump writes its own words in upper case, and quotes a name that has such a letter. */
static bool
is_keyword(const char *token)
{
	return isupper((unsigned char) *token);
}

/* Where the type that begins here ends; what follows are words, or the next column. */
static const char *
type_end(const char *text)
{
	const char *end = text;
	int depth = 0;

	for (text = sql_skip_blank(text); *text != '\0'; text = sql_skip_blank(end))
	{
		if (depth == 0 && (*text == ',' || *text == ')' || *text == ';' || is_keyword(text)))
			break;
		/* geometry(Point,4326) */
		depth += sql_token_nests(text);
		end = sql_token_end(text);
	}
	return end;
}

/* Behind what is in a list up to the comma or parenthesis that ends it; is "GENERATED" in it? */
static const char *
item_end(const char *text, bool *generated)
{
	int depth = 0;

	for (text = sql_skip_blank(text); *text != '\0' && *text != ';';)
	{
		const char *end = sql_token_end(text);

		if (depth == 0 && (*text == ',' || *text == ')'))
			break;
		depth += sql_token_nests(text);
		*generated = *generated || (depth == 0 && is_word(text, end, "GENERATED"));
		text = sql_skip_blank(end);
	}
	return text;
}

const ArchiveColumn *
archive_columns_find(const ArchiveColumns *columns, const char *name)
{
	uint32_t i;

	for (i = 0; i < columns->count; i++)
	{
		if (strcmp(columns->items[i].name, name) == 0)
			return &columns->items[i];
	}
	return NULL;
}

/* Takes over the texts; a child's own column counts before its parent's. */
static void
add_column(ArchiveColumns *columns, char *name, char *type, bool generated)
{
	if (archive_columns_find(columns, name) != NULL)
	{
		free(name);
		free(type);
		return;
	}
	columns->items =
		xrealloc(columns->items, ((size_t) columns->count + 1) * sizeof(ArchiveColumn));
	columns->items[columns->count++] = (ArchiveColumn){name, type, generated};
}

/* The list of columns, behind its parenthesis; where it ends. */
static const char *
read_list(const char *text, ArchiveColumns *columns)
{
	text = sql_skip_blank(text);
	while (*text != '\0' && *text != ')' && *text != ';')
	{
		bool constraint = is_keyword(text);
		bool generated = false;
		char *name = NULL;
		char *type = NULL;

		if (!constraint)
		{
			const char *end;

			text = sql_name_read(text, &name);
			if (text == NULL)
				return "";
			text = sql_skip_blank(text);
			end = type_end(text);
			if (end > text)
				type = xasprintf("%.*s", (int) (end - text), text);
			text = end;
		}
		text = item_end(text, &generated);
		/* A typed table has the type of a column in what it is of. */
		if (type != NULL)
			add_column(columns, name, type, generated);
		else
			free(name);
		if (*text == ',')
			text = sql_skip_blank(text + 1);
	}
	return text;
}

static const TocEntry *
find_entry(const ArchiveToc *toc, const char *schema, const char *name,
		   bool (*fits)(const TocEntry *entry))
{
	uint32_t i;

	for (i = 0; i < toc->count; i++)
	{
		const TocEntry *entry = &toc->entries[i];

		if (fits(entry) && strcmp(entry->tag, name) == 0 && strcmp(entry->schema, schema) == 0)
			return entry;
	}
	return NULL;
}

static bool
is_type(const TocEntry *entry)
{
	return toc_entry_is(entry, "TYPE") || toc_entry_is(entry, "DOMAIN");
}

/* What a table can be of, or a column: the type of another table's rows, too. */
static bool
is_row_type(const TocEntry *entry)
{
	return is_type(entry) || toc_entry_is_table(entry);
}

/* The columns of what is named here. */
static const char *
read_named(const ArchiveToc *toc, const char *text, int *steps, ArchiveColumns *columns)
{
	char *schema;
	char *name;
	const TocEntry *entry;

	text = sql_name_read_qualified(sql_skip_blank(text), &schema, &name);
	if (text == NULL)
		return "";
	entry = find_entry(toc, schema, name, is_row_type);
	if (entry != NULL)
		read_columns(toc, entry, steps, columns);
	free(schema);
	free(name);
	return sql_skip_blank(text);
}

/* Behind the list: INHERITS (s.a, s.b). */
static void
read_parents(const ArchiveToc *toc, const char *text, int *steps, ArchiveColumns *columns)
{
	while (*text != '\0' && *text != ';')
	{
		const char *end = sql_token_end(text);

		if (is_word(text, end, "INHERITS"))
		{
			text = sql_skip_blank(end);
			do
			{
				text = *text != '\0' ? read_named(toc, text + 1, steps, columns) : text;
			} while (*text == ',');
			return;
		}
		/* What comes later may be anything: options, expressions of a key. */
		if (*text != ')')
			return;
		text = sql_skip_blank(end);
	}
}

static void
read_columns(const ArchiveToc *toc, const TocEntry *entry, int *steps, ArchiveColumns *columns)
{
	static const char *const prefixes[] = {"CREATE TABLE ", "CREATE UNLOGGED TABLE ",
										   "CREATE FOREIGN TABLE ", "CREATE TYPE "};
	const char *text = NULL;
	size_t i;

	for (i = 0; text == NULL && i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
		text = toc_entry_after_name(entry, prefixes[i]);
	if (text == NULL || --*steps < 0)
		return;
	text = sql_skip_blank(text);
	if (toc_entry_is(entry, "TYPE"))
	{
		/* Not AS ENUM, AS RANGE, or a base type. */
		if (is_word(text, sql_token_end(text), "AS"))
		{
			text = sql_skip_blank(sql_token_end(text));
			if (*text == '(')
				read_list(text + 1, columns);
		}
		return;
	}
	if (is_word(text, sql_token_end(text), "OF"))
		read_named(toc, sql_token_end(text), steps, columns);
	else if (*text == '(')
		read_parents(toc, read_list(text + 1, columns), steps, columns);
}

void
archive_columns_read(const ArchiveToc *toc, const TocEntry *entry, ArchiveColumns *columns)
{
	int steps = MAX_STEPS;

	memset(columns, 0, sizeof(*columns));
	read_columns(toc, entry, &steps, columns);
}

void
archive_columns_free(ArchiveColumns *columns)
{
	uint32_t i;

	for (i = 0; i < columns->count; i++)
	{
		free(columns->items[i].name);
		free(columns->items[i].type);
	}
	free(columns->items);
	memset(columns, 0, sizeof(*columns));
}

/* Take "[]" off the end. */
static void
take_brackets(ArchiveType *type)
{
	size_t length = strlen(type->base);

	while (length > 2 && strcmp(type->base + length - 2, "[]") == 0)
	{
		type->array = true;
		length -= 2;
		type->base[length] = '\0';
	}
}

/* The entry of a type of this name, which has no modifier, or NULL. */
static const TocEntry *
entry_of_type(const ArchiveToc *toc, const char *type)
{
	const TocEntry *entry = NULL;
	char *schema;
	char *name;
	const char *end = sql_name_read_qualified(type, &schema, &name);

	if (end == NULL)
		return NULL;
	if (*end == '\0')
		entry = find_entry(toc, schema, name, is_row_type);
	free(schema);
	free(name);
	return entry;
}

/* What a domain is of; NULL: it is none.  Caller frees. */
static char *
type_of_domain(const TocEntry *entry)
{
	const char *text =
		toc_entry_is(entry, "DOMAIN") ? toc_entry_after_name(entry, "CREATE DOMAIN ") : NULL;
	const char *end;

	if (text == NULL)
		return NULL;
	text = sql_skip_blank(text);
	if (!is_word(text, sql_token_end(text), "AS"))
		return NULL;
	text = sql_skip_blank(sql_token_end(text));
	end = type_end(text);
	return end > text ? xasprintf("%.*s", (int) (end - text), text) : NULL;
}

void
archive_type_read(const ArchiveToc *toc, const char *type, ArchiveType *found)
{
	int step;

	memset(found, 0, sizeof(*found));
	found->base = xstrdup(type);
	for (step = 0; step < MAX_STEPS; step++)
	{
		char *below;

		take_brackets(found);
		found->entry = entry_of_type(toc, found->base);
		below = found->entry != NULL ? type_of_domain(found->entry) : NULL;
		if (below == NULL)
			break;
		free(found->base);
		found->base = below;
	}
	if (found->entry != NULL && toc_entry_is(found->entry, "TYPE"))
	{
		const char *text = toc_entry_after_name(found->entry, "CREATE TYPE ");

		found->labels = text != NULL && strncmp(text, " AS ENUM", 8) == 0;
	}
}

void
archive_type_free(ArchiveType *type)
{
	free(type->base);
	memset(type, 0, sizeof(*type));
}
