/*-------------------------------------------------------------------------
 *
 * definition_names.c
 *	  The names that a definition of the archive resolves when it is parsed.
 *
 * The archive's dependencies would be the obvious source.  But they name what
 * the parser chose when the object was made, not what else has the same name
 * now; some are missing (those of an exclusion constraint, those on members of
 * an extension); and none says in which part of a table the name is used.
 * pg_dump writes with an empty search_path, so everything that is not in
 * pg_catalog has its schema before it, and the text says it all.
 *
 * Names that can mean one object only are left out: tables, and whatever is
 * named with the types of its arguments, as in CREATE CAST or CREATE OPERATOR.
 * So are operator classes, which only superusers can make.  What is taken for a
 * function although it is none costs a refusal at worst.
 *
 *-------------------------------------------------------------------------
 */
#include "definition_names.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "memory.h"
#include "sql_name.h"
#include "sql_text.h"

/* Nothing is chosen by the types of arguments, or nothing is named at all. */
static const char *const exact[] = {"TYPE",
									"SHELL TYPE",
									"CAST",
									"OPERATOR",
									"OPERATOR CLASS",
									"OPERATOR FAMILY",
									"TRANSFORM",
									"CONVERSION",
									"COLLATION",
									"SCHEMA",
									"EXTENSION",
									"PROCEDURAL LANGUAGE",
									"ACCESS METHOD",
									"FOREIGN DATA WRAPPER",
									"SERVER",
									"USER MAPPING",
									"ACL",
									"DEFAULT ACL",
									"COMMENT",
									"SECURITY LABEL",
									"SEQUENCE",
									"SEQUENCE OWNED BY",
									"SEQUENCE SET",
									"TABLE ATTACH",
									"INDEX ATTACH",
									"FK CONSTRAINT",
									"ROW SECURITY",
									"TABLE DATA",
									"PUBLICATION",
									"MATERIALIZED VIEW DATA",
									"SUBSCRIPTION",
									"TEXT SEARCH CONFIGURATION",
									NULL};

/* Tokens before the one that is read; a lexer would keep as many. */
#define TOKENS 4

typedef struct Scan
{
	const TocEntry *entry;
	UsedNames *names;
	const char *before[TOKENS]; /* the last one first; "" if there is none */
	int depth;                  /* of parentheses */
	int brackets;               /* depth of brackets */
	int generated;              /* depth of a generated column's expression, or 0 */
	bool table;
	bool listed;           /* the list of a table's columns has ended */
	bool key;              /* behind PARTITION BY */
	bool where;            /* behind WHERE */
	const char *of_column; /* the type of this column comes next, or NULL */
	bool expects_column;
} Scan;

static bool
begins_name(const char *text)
{
	return isalpha((unsigned char) *text) || *text == '_' || *text == '"' ||
		   (unsigned char) *text >= 0x80;
}

static bool
is_word(const char *token, const char *word)
{
	size_t length = strlen(word);

	return strncmp(token, word, length) == 0 && sql_token_end(token) == token + length;
}

static bool
is_literal(const char *token)
{
	return *token == '\'' || ((*token == 'E' || *token == 'e') && token[1] == '\'');
}

/* Takes over the texts. */
static void
add(Scan *scan, NameUse use, bool computed, char *schema, char *name, const char *column)
{
	UsedNames *names = scan->names;
	UsedName *used;

	if (schema != NULL && strcmp(schema, "pg_catalog") == 0)
	{
		free(schema);
		free(name);
		return;
	}
	names->items = xrealloc(names->items, ((size_t) names->count + 1) * sizeof(UsedName));
	used = &names->items[names->count++];
	used->use = use;
	used->computed = computed;
	used->schema = schema;
	used->name = name;
	used->column = NULL;
	if (column != NULL && sql_name_read(column, &used->column) == NULL)
		used->column = xstrdup("");
}

/* Is what is read in an expression that is computed as soon as the definition is there? */
static bool
is_computed(const Scan *scan)
{
	if (scan->table)
		return scan->generated > 0 || scan->key;
	return true;
}

/* A name alone may be a column only in an expression; keys of columns alone compute nothing. */
static bool
is_expression(const Scan *scan)
{
	if (scan->table)
		return scan->generated > 0 || (scan->key && scan->depth >= 2);
	if (toc_entry_is(scan->entry, "INDEX") || toc_entry_is(scan->entry, "CONSTRAINT"))
		return scan->depth >= 2 || scan->where;
	return scan->depth >= 1;
}

static bool
is_cast(const Scan *scan)
{
	return scan->before[0][0] == ':' && scan->before[1][0] == ':';
}

/* "s.f(": how is it used?  False if it is not called. */
static bool
read_call(const Scan *scan, const char *end, NameUse *use)
{
	const char *before = scan->before[0];

	if (is_word(before, "REFERENCES"))
		return false;
	if (is_word(before, "FUNCTION") || is_word(before, "PROCEDURE") || is_word(before, "AGGREGATE"))
	{
		*use = NAME_NILADIC;
		return toc_entry_is(scan->entry, "TRIGGER") || toc_entry_is(scan->entry, "EVENT TRIGGER");
	}
	*use = end[1] == ')' ? NAME_NILADIC : NAME_FUNCTION;
	return !(toc_entry_is(scan->entry, "DOMAIN") && is_word(before, "AS"));
}

/* "SFUNC = s.f" of an aggregate. */
static bool
is_function_of_aggregate(const Scan *scan)
{
	const char *word = scan->before[1];
	size_t length = (size_t) (sql_token_end(word) - word);

	return toc_entry_is(scan->entry, "AGGREGATE") && scan->before[0][0] == '=' && length >= 4 &&
		   strncmp(word + length - 4, "FUNC", 4) == 0;
}

/* Takes over schema and name, which end here. */
static void
take_qualified(Scan *scan, char *schema, char *name, const char *end)
{
	NameUse use;

	/* A literal is read by its type, without a cast (live_types.c). */
	if (is_cast(scan) && !is_literal(scan->before[2]))
		add(scan, NAME_TYPE, is_computed(scan), schema, name, NULL);
	else if (!is_cast(scan) && scan->of_column != NULL && scan->before[0] == scan->of_column)
		add(scan, NAME_COLUMN_TYPE, false, schema, name, scan->of_column);
	else if (scan->table && scan->depth == 0 && is_word(scan->before[0], "OF"))
		add(scan, NAME_ROW_TYPE, true, schema, name, NULL);
	else if (!is_cast(scan) && *end == '(' && read_call(scan, end, &use))
		add(scan, use, is_computed(scan), schema, name, NULL);
	else if (*end != '(' && is_function_of_aggregate(scan))
		add(scan, NAME_FUNCTION, true, schema, name, NULL);
	else
	{
		free(schema);
		free(name);
	}
}

/* "OPERATOR(s.+)"; where it ends. */
static const char *
read_operator(Scan *scan, const char *end)
{
	char *schema;
	const char *at = sql_name_read(end + 1, &schema);
	size_t length;

	if (at == NULL)
		return end;
	length = *at == '.' ? strcspn(at + 1, ") ") : 0;
	if (length == 0)
	{
		free(schema);
		return end;
	}
	add(scan, NAME_OPERATOR, is_computed(scan), schema, xasprintf("%.*s", (int) length, at + 1),
		NULL);
	return at + 1 + length + (at[1 + length] == ')');
}

/* What a word says about what follows. */
static void
take_word(Scan *scan, const char *text)
{
	if (is_word(text, "WHERE") && scan->depth == 0)
		scan->where = true;
	if (scan->table && scan->depth == 0 && is_word(text, "BY") &&
		is_word(scan->before[0], "PARTITION"))
		scan->key = true;
}

/* A name, with or without a schema; where it ends. */
static const char *
read_name(Scan *scan, const char *text)
{
	char *first;
	char *second = NULL;
	const char *end = sql_name_read(text, &first);
	bool longer = false;

	if (end == NULL)
		return text + strlen(text);
	if (*end == '.' && begins_name(end + 1))
	{
		const char *stop = sql_name_read(end + 1, &second);

		end = stop != NULL ? stop : end + 1;
	}
	while (second != NULL && *end == '.' && begins_name(end + 1))
	{
		end = sql_token_end(end + 1);
		longer = true;
	}
	if (second != NULL && !longer)
	{
		take_qualified(scan, first, second, end);
		return end;
	}
	if (second == NULL && *end == '(' && is_word(text, "OPERATOR"))
		end = read_operator(scan, end);
	else if (second == NULL)
	{
		take_word(scan, text);
		if (is_expression(scan))
			add(scan, NAME_COLUMN, is_computed(scan), NULL, xstrdup(first), NULL);
	}
	free(first);
	free(second);
	return end;
}

static void
take_sign(Scan *scan, const char *text)
{
	scan->expects_column = false;
	if (*text == '(')
	{
		scan->depth++;
		if (scan->generated == 0 && is_word(scan->before[0], "AS") &&
			is_word(scan->before[1], "ALWAYS"))
			scan->generated = scan->depth;
		scan->expects_column = scan->table && scan->depth == 1 && !scan->listed;
	}
	else if (*text == ')')
	{
		if (scan->generated == scan->depth)
			scan->generated = 0;
		scan->depth--;
		scan->listed = scan->listed || scan->depth == 0;
	}
	else if (*text == ',')
		scan->expects_column =
			scan->table && scan->depth == 1 && scan->brackets == 0 && !scan->listed;
	else
		scan->brackets += (*text == '[') - (*text == ']');
}

void
definition_names_read(const TocEntry *entry, UsedNames *names)
{
	Scan scan = {.entry = entry, .names = names, .before = {"", "", "", ""}};
	const char *text = entry->definition;
	const char *end;

	memset(names, 0, sizeof(*names));
	if (text == NULL || toc_entry_is_any(entry, exact))
		return;
	scan.table = toc_entry_is_table(entry);
	for (text = sql_skip_blank(text); *text != '\0'; text = sql_skip_blank(end))
	{
		bool name = begins_name(text) && !is_literal(text);
		bool column = name && scan.expects_column;

		end = sql_token_end(text);
		if (name)
			end = read_name(&scan, text);
		else
			take_sign(&scan, text);
		scan.of_column = column ? text : NULL;
		scan.expects_column = scan.expects_column && !name;
		memmove(&scan.before[1], &scan.before[0], (TOKENS - 1) * sizeof(scan.before[0]));
		scan.before[0] = text;
	}
}

/* The tag of a function runs its name together with the arguments. */
bool
definition_names_is(const UsedName *used, const TocEntry *entry)
{
	static const char *const prefixes[] = {"DROP FUNCTION ", "DROP AGGREGATE "};
	const char *drop = entry->drop != NULL ? entry->drop : "";
	char *schema;
	char *name;
	bool is = false;
	size_t i;

	if (used->schema == NULL || strcmp(entry->schema, used->schema) != 0)
		return false;
	if (used->use == NAME_OPERATOR)
		return toc_entry_is(entry, "OPERATOR") && strcmp(entry->tag, used->name) == 0;
	if (used->use != NAME_FUNCTION && used->use != NAME_NILADIC)
		return false;
	for (i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]) && !is; i++)
	{
		if (strncmp(drop, prefixes[i], strlen(prefixes[i])) != 0 ||
			sql_name_read_qualified(drop + strlen(prefixes[i]), &schema, &name) == NULL)
			continue;
		is = strcmp(schema, used->schema) == 0 && strcmp(name, used->name) == 0;
		free(schema);
		free(name);
	}
	return is;
}

void
definition_names_free(UsedNames *names)
{
	uint32_t i;

	for (i = 0; i < names->count; i++)
	{
		free(names->items[i].schema);
		free(names->items[i].name);
		free(names->items[i].column);
	}
	free(names->items);
	memset(names, 0, sizeof(*names));
}
