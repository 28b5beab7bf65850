/*-------------------------------------------------------------------------
 *
 * inline_parts.c
 *	  What each part of CREATE TABLE or CREATE DOMAIN names itself.
 *
 * The archive has one list of dependencies for a table, with all that its
 * defaults, generated columns, constraints and key use together, and so has a
 * domain.  That a default calls a function is no reason for a constraint to call
 * it: the rows run constraints, and perhaps no default at all.  Which of them the
 * list speaks of, only the text says.  pg_dump writes with an empty search_path,
 * each column and constraint as an item of one list, constraints by name, and its
 * own words in upper case, which it would quote in a name.
 *
 * A definition is read from end to end before anything is said of it.  What is
 * not as pg_dump writes it is no reason to take a part for empty: the definition
 * counts as unreadable, and may compute anything.
 *
 *-------------------------------------------------------------------------
 */
#include "inline_parts.h"

#include <stdlib.h>
#include <string.h>

#include "definition_names.h"
#include "memory.h"
#include "sql_name.h"
#include "sql_text.h"

/* A part; its text computes something, or is empty. */
typedef struct Part
{
	InlineKind kind;
	char *name; /* NULL of the whole */
	const char *text;
	const char *end;
} Part;

typedef struct Parts
{
	Part *items;
	uint32_t count;
} Parts;

static bool
is_word(const char *token, const char *word)
{
	size_t length = strlen(word);

	return strncmp(token, word, length) == 0 && sql_token_end(token) == token + length;
}

/* Words that pg_dump writes; a name that begins with a capital letter is in quotes. */
static bool
is_keyword(const char *token)
{
	return *token >= 'A' && *token <= 'Z';
}

/*
 * Where one of these words, or an end of the item, stands outside of parentheses
 * and brackets; the end of the text if none does.
 */
static const char *
find(const char *text, const char *const *words, const char *ends)
{
	int depth = 0;

	for (text = sql_skip_blank(text); *text != '\0'; text = sql_skip_blank(sql_token_end(text)))
	{
		const char *const *word = words;

		while (depth == 0 && *word != NULL && !is_word(text, *word))
			word++;
		if (depth == 0 && (*word != NULL || strchr(ends, *text) != NULL))
			break;
		depth += sql_token_nests(text);
		if (depth < 0)
			return text + strlen(text);
	}
	return text;
}

static const char *
skip_word(const char *text, const char *word)
{
	text = sql_skip_blank(text);
	return is_word(text, word) ? sql_skip_blank(sql_token_end(text)) : text;
}

static bool
is_table_or_domain(const TocEntry *entry)
{
	return toc_entry_is_table(entry) || toc_entry_is(entry, "DOMAIN");
}

/* Behind the name of what is created; NULL: this is no such definition. */
static const char *
behind_name(const TocEntry *entry, const char *definition)
{
	static const char *const words[] = {"UNLOGGED", "FOREIGN", "TABLE", "DOMAIN"};
	char *schema;
	char *name;
	size_t i;

	if (!is_table_or_domain(entry) || definition == NULL ||
		!is_word(sql_skip_blank(definition), "CREATE"))
		return NULL;
	definition = skip_word(definition, "CREATE");
	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		definition = skip_word(definition, words[i]);
	definition = sql_name_read_qualified(definition, &schema, &name);
	if (definition == NULL)
		return NULL;
	free(schema);
	free(name);
	return sql_skip_blank(definition);
}

static void
add(Parts *parts, InlineKind kind, char *name, const char *text, const char *end)
{
	parts->items = xrealloc(parts->items, ((size_t) parts->count + 1) * sizeof(Part));
	parts->items[parts->count++] = (Part){kind, name, text, end};
}

static void
parts_free(Parts *parts)
{
	uint32_t i;

	for (i = 0; i < parts->count; i++)
		free(parts->items[i].name);
	free(parts->items);
	memset(parts, 0, sizeof(*parts));
}

/* "CONSTRAINT name ...", or a column; false if it is neither. */
static bool
read_item(Parts *parts, const char *text, const char *end)
{
	static const char *const computes[] = {"DEFAULT", "GENERATED", NULL};
	bool constraint = is_word(text, "CONSTRAINT");
	char *name;

	if (constraint)
		text = skip_word(text, "CONSTRAINT");
	if (is_keyword(text))
		return false;
	text = sql_name_read(text, &name);
	if (text == NULL)
		return false;
	add(parts, constraint ? INLINE_CONSTRAINT : INLINE_COLUMN, name,
		constraint ? text : find(text, computes, ",)"), end);
	return true;
}

/* The list of a table; where it ends, or NULL. */
static const char *
read_list(Parts *parts, const char *text)
{
	static const char *const none[] = {NULL};
	const char *end = sql_skip_blank(text + 1);

	if (*end == ')')
		return sql_skip_blank(end + 1);
	do
	{
		text = sql_skip_blank(text + 1);
		end = find(text, none, ",);");
		if ((*end != ',' && *end != ')') || !read_item(parts, text, end))
			return NULL;
		text = end;
	} while (*end == ',');
	return sql_skip_blank(end + 1);
}

/* Behind the name of a table: its list, and its key. */
static bool
read_table(Parts *parts, const char *text)
{
	static const char *const none[] = {NULL};
	static const char *const key[] = {"PARTITION", NULL};
	const char *end;

	if (is_word(text, "OF"))
	{
		text = sql_skip_blank(sql_token_end(text));
		while (*text != '\0' && *text != '(' && *text != ';' && !is_keyword(text))
			text = sql_skip_blank(sql_token_end(text));
	}
	else if (*text != '(')
		return false;
	if (*text == '(')
		text = read_list(parts, text);
	if (text == NULL || (*text != ';' && !is_keyword(text)))
		return false;
	end = find(text, none, ";");
	if (*end == ';' && *text != ';')
		add(parts, INLINE_WHOLE, NULL, find(text, key, ";"), end);
	return *end == ';';
}

/* Behind the name of a domain: "AS type DEFAULT ... CONSTRAINT name CHECK (...)". */
static bool
read_domain(Parts *parts, const char *text)
{
	static const char *const value[] = {"DEFAULT", "CONSTRAINT", "CHECK", NULL};
	static const char *const constraint[] = {"CONSTRAINT", NULL};
	const char *end = find(text, constraint, ";");

	if (!is_word(text, "AS"))
		return false;
	text = find(text, value, ";");
	if (is_word(text, "CHECK"))
		return false;
	add(parts, INLINE_WHOLE, NULL, text, end);
	while (is_word(end, "CONSTRAINT"))
	{
		text = end;
		end = find(sql_token_end(text), constraint, ";");
		if (!read_item(parts, text, end))
			return false;
	}
	return *end == ';';
}

/* All parts, or none if anything could not be read (false). */
static bool
read_parts(Parts *parts, const TocEntry *entry, const char *definition)
{
	const char *text = behind_name(entry, definition);
	bool good;

	memset(parts, 0, sizeof(*parts));
	if (!is_table_or_domain(entry))
		return true;
	good = text != NULL &&
		   (toc_entry_is(entry, "DOMAIN") ? read_domain(parts, text) : read_table(parts, text));
	if (!good)
		parts_free(parts);
	return good;
}

static char *
text_of(const Part *part)
{
	return xasprintf("%.*s", (int) (part->end - part->text), part->text);
}

InlineRead
inline_part_read(const TocEntry *entry, const char *definition, InlineKind kind, const char *name,
				 char **text)
{
	Parts parts;
	uint32_t i;

	*text = NULL;
	if (!read_parts(&parts, entry, definition))
		return INLINE_UNREADABLE;
	for (i = 0; *text == NULL && i < parts.count; i++)
	{
		const Part *part = &parts.items[i];

		if (part->kind == kind && part->end > part->text &&
			(kind == INLINE_WHOLE || strcmp(part->name, name) == 0))
			*text = text_of(part);
	}
	parts_free(&parts);
	return *text != NULL ? INLINE_FOUND : INLINE_ABSENT;
}

InlineRead
inline_computed_read(const TocEntry *entry, char **text)
{
	Parts parts;
	Buffer computed;
	uint32_t i;

	*text = NULL;
	if (!toc_entry_is_table(entry))
		return INLINE_ABSENT;
	if (!read_parts(&parts, entry, entry->definition))
		return INLINE_UNREADABLE;
	buffer_init(&computed);
	for (i = 0; i < parts.count; i++)
	{
		const Part *part = &parts.items[i];
		bool key = part->kind == INLINE_WHOLE && is_word(part->text, "PARTITION");

		if (key || (part->kind == INLINE_COLUMN && is_word(part->text, "GENERATED")))
			buffer_printf(&computed, "%.*s\n", (int) (part->end - part->text), part->text);
	}
	parts_free(&parts);
	if (computed.length > 0)
		*text = buffer_detach(&computed);
	else
		buffer_free(&computed);
	return *text != NULL ? INLINE_FOUND : INLINE_ABSENT;
}

bool
inline_part_names(const char *part, const TocEntry *used)
{
	/* An expression by itself, as definition_names.c reads it: not the list of a table. */
	TocEntry entry = {.kind = (char *) "CHECK CONSTRAINT", .definition = (char *) part};
	UsedNames names;
	bool found = false;
	uint32_t i;

	definition_names_read(&entry, &names);
	for (i = 0; !found && i < names.count; i++)
		found = definition_names_is(&names.items[i], used);
	definition_names_free(&names);
	return found;
}

const TocEntry *
inline_parts_parent(const ArchiveToc *toc, const TocEntry *table, uint32_t number)
{
	static const char *const inherits[] = {"INHERITS", NULL};
	const TocEntry *parent = NULL;
	const char *text = toc_entry_is_table(table) ? behind_name(table, table->definition) : NULL;
	char *schema;
	char *name;
	uint32_t i;
	int d;

	text = text != NULL ? find(text, inherits, ";") : "";
	for (i = 0; is_word(text, "INHERITS") || *text == ','; i++)
	{
		text = sql_skip_blank(sql_token_end(text));
		text =
			sql_name_read_qualified(*text == '(' ? sql_skip_blank(text + 1) : text, &schema, &name);
		if (text == NULL)
			return NULL;
		for (d = 0; i == number && parent == NULL && d < table->ndepends_on; d++)
		{
			const TocEntry *other = archive_toc_find(toc, table->depends_on[d]);

			if (other != NULL && other->place < table->place && toc_entry_is_table(other) &&
				strcmp(other->schema, schema) == 0 && strcmp(other->tag, name) == 0)
				parent = other;
		}
		free(schema);
		free(name);
		text = sql_skip_blank(text);
	}
	return parent;
}
