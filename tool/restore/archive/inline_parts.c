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
 *-------------------------------------------------------------------------
 */
#include "inline_parts.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "definition_names.h"
#include "memory.h"
#include "sql_name.h"
#include "sql_text.h"

/* The parts of a definition, one after another. */
typedef struct Parts
{
	const char *next;
	bool domain;
	bool listed; /* in the list of a table; what follows is about the table itself */
} Parts;

/* A part; its text computes something, or is empty. */
typedef struct Part
{
	InlineKind kind;
	char *name; /* NULL of the whole */
	const char *text;
	const char *end;
} Part;

static bool
is_word(const char *token, const char *word)
{
	size_t length = strlen(word);

	return strncmp(token, word, length) == 0 && sql_token_end(token) == token + length;
}

/* Where one of these words, or an end of the item, stands outside of parentheses. */
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
		depth += (*text == '(') - (*text == ')');
	}
	return text;
}

static const char *
skip_word(const char *text, const char *word)
{
	text = sql_skip_blank(text);
	return is_word(text, word) ? sql_skip_blank(sql_token_end(text)) : text;
}

/* Behind the name of what is created; NULL: this is no such definition. */
static const char *
behind_name(const TocEntry *entry, const char *definition)
{
	static const char *const words[] = {"UNLOGGED", "FOREIGN", "TABLE", "DOMAIN"};
	char *schema;
	char *name;
	size_t i;

	if (!(toc_entry_is_table(entry) || toc_entry_is(entry, "DOMAIN")) || definition == NULL ||
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

static bool
begin(Parts *parts, const TocEntry *entry, const char *definition)
{
	static const char *const none[] = {NULL};
	const char *text = behind_name(entry, definition);

	if (text == NULL)
		return false;
	parts->domain = toc_entry_is(entry, "DOMAIN");
	if (!parts->domain && is_word(text, "OF"))
	{
		text = sql_skip_blank(sql_token_end(text));
		while (*text != '\0' && *text != '(' && *text != ';' && !isupper((unsigned char) *text))
			text = sql_skip_blank(sql_token_end(text));
	}
	parts->listed = !parts->domain && *text == '(';
	parts->next = parts->listed ? sql_skip_blank(text + 1) : text;
	if (parts->listed && *find(text + 1, none, ")") == '\0')
		return false;
	return true;
}

/* Behind CONSTRAINT. */
static bool
read_constraint(const char *text, Part *part)
{
	part->kind = INLINE_CONSTRAINT;
	part->text = sql_name_read(text, &part->name);
	return part->text != NULL;
}

/* An item of a table's list. */
static bool
read_item(Parts *parts, Part *part)
{
	static const char *const none[] = {NULL};
	static const char *const computes[] = {"DEFAULT", "GENERATED", NULL};
	const char *text = parts->next;

	part->end = find(text, none, ",);");
	parts->listed = *part->end == ',';
	parts->next = *part->end == '\0' ? part->end : sql_skip_blank(part->end + 1);
	if (is_word(text, "CONSTRAINT"))
		return read_constraint(skip_word(text, "CONSTRAINT"), part);
	part->kind = INLINE_COLUMN;
	text = sql_name_read(text, &part->name);
	if (text != NULL)
		part->text = find(text, computes, ",);");
	return text != NULL;
}

/* Behind a table's list its key; of a domain, what comes before the next constraint. */
static bool
read_outside(Parts *parts, Part *part)
{
	static const char *const constraint[] = {"CONSTRAINT", NULL};
	static const char *const key[] = {"PARTITION", NULL};
	static const char *const value[] = {"DEFAULT", "CONSTRAINT", NULL};
	const char *text = parts->next;

	if (parts->domain && is_word(text, "CONSTRAINT"))
	{
		text = skip_word(text, "CONSTRAINT");
		parts->next = part->end = find(text, constraint, ";");
		return read_constraint(text, part);
	}
	part->kind = INLINE_WHOLE;
	part->text = find(text, parts->domain ? value : key, ";");
	part->end = parts->domain ? find(text, constraint, ";") : find(text, constraint + 1, ";");
	parts->next = part->end;
	return true;
}

/* False: no more of them.  Caller frees the name. */
static bool
next_part(Parts *parts, Part *part)
{
	memset(part, 0, sizeof(*part));
	if (*parts->next == '\0' || *parts->next == ';')
		return false;
	if (parts->listed && *parts->next == ')')
	{
		parts->listed = false;
		parts->next = sql_skip_blank(parts->next + 1);
		return next_part(parts, part);
	}
	return parts->listed ? read_item(parts, part) : read_outside(parts, part);
}

static char *
text_of(const Part *part)
{
	return xasprintf("%.*s", (int) (part->end - part->text), part->text);
}

char *
inline_part_read(const TocEntry *entry, const char *definition, InlineKind kind, const char *name)
{
	Parts parts;
	Part part;
	char *text = NULL;

	if (!begin(&parts, entry, definition))
		return NULL;
	while (text == NULL && next_part(&parts, &part))
	{
		if (part.kind == kind && part.end > part.text &&
			(kind == INLINE_WHOLE || strcmp(part.name, name) == 0))
			text = text_of(&part);
		free(part.name);
	}
	return text;
}

char *
inline_computed_read(const TocEntry *entry)
{
	Parts parts;
	Part part;
	Buffer text;

	if (!toc_entry_is_table(entry) || !begin(&parts, entry, entry->definition))
		return NULL;
	buffer_init(&text);
	while (next_part(&parts, &part))
	{
		bool key = part.kind == INLINE_WHOLE && is_word(part.text, "PARTITION");

		if (key || (part.kind == INLINE_COLUMN && is_word(part.text, "GENERATED")))
			buffer_printf(&text, "%.*s\n", (int) (part.end - part.text), part.text);
		free(part.name);
	}
	if (text.length > 0)
		return buffer_detach(&text);
	buffer_free(&text);
	return NULL;
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

bool
inline_parts_name(const TocEntry *entry, const char *definition, const TocEntry *used)
{
	Parts parts;
	Part part;
	bool found = false;

	if (!begin(&parts, entry, definition))
		return false;
	while (!found && next_part(&parts, &part))
	{
		char *text = text_of(&part);

		found = inline_part_names(text, used);
		free(text);
		free(part.name);
	}
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
