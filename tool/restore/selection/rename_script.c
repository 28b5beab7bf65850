/*-------------------------------------------------------------------------
 *
 * rename_script.c
 *	  --as: the new names in the statements of a backup.
 *
 * pg_dump and the server qualify every relation, but "a.b" need not be one: in
 * a query it is column b of what the query calls a, in a cast it may be a type,
 * and behind FROM a function.  To replace it wherever it stands would make
 * another column of it.  So the statements are read token by token, and a name
 * is replaced only where a relation can stand: behind the words that announce
 * one, and behind the commas of a FROM list.  What pg_dump and the server write
 * makes that simple: their key words are in capitals, and no name is without
 * quotes then.
 *
 * In a query a relation without an alias gets its old name as its alias, as the
 * query calls its columns by that.  A CHECK constraint, policy or index has no
 * place for an alias: where it calls the row of its own table by name (t.*),
 * that is replaced, too.  It stays, and the server rejects it, where a query in
 * it might use the new name for something else.
 *
 * What is not recognized keeps its name: it then fails, or means what it meant.
 *
 *-------------------------------------------------------------------------
 */
#include "rename.h"

#include <stdlib.h>
#include <string.h>

#include "memory.h"
#include "quote.h"
#include "sql_name.h"
#include "sql_text.h"

/* What may come next. */
typedef enum Place
{
	PLACE_OTHER,
	PLACE_RELATION, /* of a statement that defines something */
	PLACE_OWN,      /* the same, whose expressions may call its row by its name */
	PLACE_TYPE,     /* a row type */
	PLACE_SOURCE,   /* an element of FROM: a relation or a function, perhaps with an alias */
	PLACE_TARGET    /* what a query changes, perhaps with an alias */
} Place;

/* The inside of parentheses. */
typedef struct Level
{
	bool query;   /* FROM begins a list, and ON is followed by a condition */
	bool source;  /* so is USING: of DELETE and MERGE */
	bool options; /* WITH (toast.…): no expressions */
	Place list;   /* what a comma is followed by */
} Level;

typedef struct Reader
{
	const RenameMap *map;
	const char *text;
	Buffer *out;
	Place next;
	char *last;   /* the key word that is the token before this one, or NULL */
	char *before; /* and the one before that */
	char mark;    /* the last character of the token before this one */
	Level *levels;
	size_t depth;
	const Renamed *own; /* the relation whose expressions are read */
} Reader;

static bool
is_any(const char *word, const char *const *words)
{
	for (; word != NULL && *words != NULL; words++)
	{
		if (strcmp(word, *words) == 0)
			return true;
	}
	return false;
}

static bool
is(const char *word, const char *other)
{
	return word != NULL && strcmp(word, other) == 0;
}

static bool
begins_name(char c)
{
	return c == '"' || c == '_' || (c >= 'a' && c <= 'z') || ((unsigned char) c) >= 0x80;
}

/* A token has been read: a key word, which we own, or something else. */
static void
remember(Reader *reader, char *keyword, char mark)
{
	free(reader->before);
	reader->before = reader->last;
	reader->last = keyword;
	reader->mark = mark;
}

static void
copy_to(Reader *reader, const char *end)
{
	buffer_append(reader->out, reader->text, (size_t) (end - reader->text));
	reader->text = end;
}

static Level *
level_of(Reader *reader)
{
	return &reader->levels[reader->depth];
}

static void
enter(Reader *reader)
{
	bool list = reader->next == PLACE_SOURCE || is(reader->last, "INHERITS");

	reader->depth++;
	reader->levels = xrealloc(reader->levels, (reader->depth + 1) * sizeof(Level));
	memset(level_of(reader), 0, sizeof(Level));
	if (!list)
		reader->next = PLACE_OTHER;
	level_of(reader)->list = reader->next;
	level_of(reader)->query = reader->next == PLACE_SOURCE;
	level_of(reader)->options = is(reader->last, "WITH");
}

static void
end_statement(Reader *reader)
{
	memset(level_of(reader), 0, sizeof(Level));
	reader->next = PLACE_OTHER;
	if (reader->depth == 0)
		reader->own = NULL;
}

/* One character that is no name, or a number, literal, comment, or blank. */
static void
copy_other(Reader *reader)
{
	const char *end = sql_token_end(reader->text);
	char c = *reader->text;
	bool cast = c == ':' && reader->mark == ':';
	bool blank = sql_skip_blank(reader->text) != reader->text;

	copy_to(reader, end);
	if (blank)
		return;
	if (c == '(')
		enter(reader);
	else if (c == ';')
		end_statement(reader);
	else
		reader->next = cast ? PLACE_TYPE : PLACE_OTHER;
	if (c == ')' && reader->depth > 0)
		reader->depth--;
	if (c == ',')
		reader->next = level_of(reader)->list;
	remember(reader, NULL, c);
}

/* ---- key words ---- */

static Place
place_behind_from(Reader *reader)
{
	Level *level = level_of(reader);

	/* IS DISTINCT FROM, and in other parentheses EXTRACT(... FROM ...) and the like */
	if (is(reader->last, "DISTINCT"))
		return PLACE_OTHER;
	if (is(reader->last, "DELETE"))
		level->query = level->source = true;
	if (level->query)
		return level->list = PLACE_SOURCE;
	/* of a constraint trigger, of statistics */
	return reader->depth == 0 ? PLACE_RELATION : PLACE_OTHER;
}

/* What the word, which follows the last one, announces. */
static Place
place_behind(Reader *reader, const char *word)
{
	static const char *const relations[] = {"VIEW",       "SEQUENCE", "INDEX",
											"STATISTICS", "COLUMN",   "REFERENCES",
											"INHERIT",    "INHERITS", NULL};
	static const char *const events[] = {"SELECT", "INSERT", "UPDATE", "DELETE", NULL};
	static const char *const between[] = {"ONLY", "LATERAL", "IF", "NOT", "EXISTS", NULL};
	Level *level = level_of(reader);

	if (is_any(word, between))
		return reader->next;
	if (strcmp(word, "FROM") == 0)
		return place_behind_from(reader);
	if (strcmp(word, "JOIN") == 0 || (strcmp(word, "USING") == 0 && level->source))
		return level->list = PLACE_SOURCE;
	if (strcmp(word, "INTO") == 0)
	{
		level->source = level->source || is(reader->last, "MERGE");
		return PLACE_TARGET;
	}
	if (strcmp(word, "UPDATE") == 0)
		return is(reader->last, "ON") ? PLACE_OTHER : PLACE_TARGET;
	if (strcmp(word, "TABLE") == 0 || (strcmp(word, "ON") == 0 && !level->query))
		return PLACE_OWN;
	if (is_any(word, relations) || (is(reader->last, "SEQUENCE") && strcmp(word, "NAME") == 0) ||
		(is(reader->last, "ATTACH") && strcmp(word, "PARTITION") == 0) ||
		(is(reader->last, "PARTITION") && strcmp(word, "OF") == 0) ||
		(is(reader->last, "OWNED") && strcmp(word, "BY") == 0) ||
		(is(reader->before, "ON") && is_any(reader->last, events) && strcmp(word, "TO") == 0))
		return PLACE_RELATION;
	return PLACE_OTHER;
}

static void
copy_keyword(Reader *reader)
{
	static const char *const ends[] = {"WHERE",  "GROUP",  "HAVING",    "WINDOW", "ORDER",  "LIMIT",
									   "OFFSET", "FETCH",  "FOR",       "UNION",  "EXCEPT", "SET",
									   "SELECT", "VALUES", "INTERSECT", "DO",     "WHEN",   NULL};
	const char *end = sql_token_end(reader->text);
	char *word = xasprintf("%.*s", (int) (end - reader->text), reader->text);
	Level *level = level_of(reader);

	reader->next = place_behind(reader, word);
	if (is_any(word, ends) || strcmp(word, "RETURNING") == 0)
		level->list = PLACE_OTHER;
	if (strcmp(word, "SELECT") == 0 && !is(reader->last, "ON"))
		level->query = true;
	copy_to(reader, end);
	remember(reader, word, end[-1]);
}

/* ---- names ---- */

/* An index or constraint that is named without its schema. */
static const Renamed *
find_bare(const RenameMap *map, const char *name)
{
	uint32_t i;

	for (i = 0; i < map->count; i++)
	{
		const TocEntry *entry = map->items[i].entry;

		if (strcmp(map->items[i].old_name, name) == 0 &&
			(toc_entry_is(entry, "INDEX") || toc_entry_is(entry, "CONSTRAINT")))
			return &map->items[i];
	}
	return NULL;
}

static bool
announces_index(const Reader *reader)
{
	return is(reader->last, "INDEX") || is(reader->last, "CONSTRAINT") ||
		   (is(reader->last, "ON") && is(reader->before, "CLUSTER"));
}

/* Is the name used in what is left of the statement? */
static bool
is_used(const char *text, const char *name)
{
	const char *end = sql_statement_end(text);
	bool used = false;

	while (text < end && !used)
	{
		char *found = NULL;

		if (begins_name(*text) && sql_name_read(text, &found) != NULL)
			used = strcmp(found, name) == 0;
		free(found);
		text = sql_token_end(text);
	}
	return used;
}

/* schema.name in a place of relations; it ends at `end`. */
static void
copy_relation(Reader *reader, Place place, const char *schema, const char *name, const char *end)
{
	const Renamed *renamed = rename_find(reader->map, schema, name);
	const char *behind = sql_skip_blank(end);
	bool source = place == PLACE_SOURCE || place == PLACE_TARGET;

	if (place == PLACE_TARGET)
		level_of(reader)->query = true;
	if (renamed == NULL || (place == PLACE_SOURCE && *behind == '('))
	{
		copy_to(reader, end);
		return;
	}
	quote_qualified(reader->out, renamed->schema, renamed->name);
	if (source && !begins_name(*behind) && strncmp(behind, "AS ", 3) != 0)
	{
		buffer_append_string(reader->out, " AS ");
		quote_identifier(reader->out, renamed->old_name);
	}
	if (place == PLACE_OWN && reader->own == NULL && !is_used(end, renamed->name))
		reader->own = renamed;
	reader->text = end;
}

/*
 * Is it the row of its own table that an expression names here?  Types,
 * collations and operators have schemas, which may be called the same, and
 * so have functions.
 */
static bool
is_own_row(const Reader *reader, const char *name, const char *dot)
{
	static const char *const no_values[] = {"COLLATE", "AS", "TYPE", "RETURNING", "OPERATOR", NULL};
	const char *end = dot + 2;
	char *column = NULL;

	if (reader->own == NULL || reader->levels[reader->depth].options || *dot != '.' ||
		strcmp(name, reader->own->old_name) != 0)
		return false;
	if (reader->last != NULL ? is_any(reader->last, no_values)
							 : strchr("(,[=<>+-*/|&~!@#%^", reader->mark) == NULL)
		return false;
	if (reader->mark == '(' && is(reader->before, "OPERATOR"))
		return false;
	if (dot[1] != '*')
		end = sql_name_read(dot + 1, &column);
	free(column);
	return end != NULL && *sql_skip_blank(end) != '(';
}

/* A name by itself, or the first one of those with a dot between them. */
static void
copy_single(Reader *reader, const char *name, const char *end)
{
	const Renamed *renamed = announces_index(reader) ? find_bare(reader->map, name) : NULL;

	if (renamed == NULL && is_own_row(reader, name, end))
		renamed = reader->own;
	if (renamed != NULL)
	{
		quote_identifier(reader->out, renamed->name);
		reader->text = end;
	}
	else
		copy_to(reader, end);
}

static void
copy_name(Reader *reader)
{
	Place place = reader->next;
	char *first = NULL;
	char *second = NULL;
	const char *end = sql_name_read_qualified(reader->text, &first, &second);

	reader->next = PLACE_OTHER;
	if (end != NULL && place != PLACE_OTHER)
		copy_relation(reader, place, first, second, end);
	else
	{
		free(first);
		first = NULL;
		end = sql_name_read(reader->text, &first);
		if (end != NULL)
			copy_single(reader, first, end);
		else
			copy_to(reader, sql_token_end(reader->text));
	}
	/* The rest of a chain belongs to what it begins with. */
	while (*reader->text == '.')
	{
		char *column = NULL;
		const char *next = sql_name_read(reader->text + 1, &column);

		free(column);
		copy_to(reader, next != NULL ? next : reader->text + 1);
	}
	free(first);
	free(second);
	remember(reader, NULL, 'a');
}

/* A literal 'schema.name' before ::regclass; false if it is something else. */
static bool
rename_literal(const RenameMap *map, const char *text, const char *end, Buffer *out)
{
	char *content = xmalloc((size_t) (end - text));
	const Renamed *renamed = NULL;
	const char *rest = NULL;
	const char *c;
	char *schema;
	char *name;
	size_t length = 0;

	for (c = text + 1; c + 1 < end; c += *c == '\'' ? 2 : 1)
		content[length++] = *c;
	content[length] = '\0';
	if (strncmp(end, "::regclass", 10) == 0)
		rest = sql_name_read_qualified(content, &schema, &name);
	if (rest != NULL)
	{
		if (*rest == '\0')
			renamed = rename_find(map, schema, name);
		free(schema);
		free(name);
	}
	if (renamed != NULL)
	{
		Buffer qualified;

		buffer_init(&qualified);
		quote_qualified(&qualified, renamed->schema, renamed->name);
		quote_literal(out, qualified.data);
		buffer_free(&qualified);
	}
	free(content);
	return renamed != NULL;
}

void
rename_script(const RenameMap *map, const char *script, Buffer *out)
{
	Reader reader = {.map = map, .text = script, .out = out};

	buffer_append_string(out, map->count == 0 ? script : "");
	if (map->count == 0)
		return;
	reader.levels = xmalloc(sizeof(Level));
	end_statement(&reader);
	while (*reader.text != '\0')
	{
		const char *text = reader.text;
		const char *end = sql_token_end(text);

		if (*text == '\'' && rename_literal(map, text, end, out))
		{
			reader.text = end;
			reader.next = PLACE_OTHER;
			remember(&reader, NULL, '\'');
		}
		else if (begins_name(*text) && (*text == '"' || end[-1] != '\''))
			copy_name(&reader);
		else if (*text >= 'A' && *text <= 'Z' && end[-1] != '\'')
			copy_keyword(&reader);
		else
			copy_other(&reader);
	}
	free(reader.last);
	free(reader.before);
	free(reader.levels);
}

char *
rename_text(const RenameMap *map, const char *text)
{
	Buffer renamed;

	if (map == NULL || map->count == 0)
		return xstrdup(text);
	buffer_init(&renamed);
	rename_script(map, text, &renamed);
	return buffer_detach(&renamed);
}
