/*-------------------------------------------------------------------------
 *
 * part_of.c
 *	  Which table, view or domain an entry of the archive is a part of.
 *
 * The archive says it nowhere but in the definition.  The tag of a policy,
 * "orders x p", is that of policy "x p" of "orders" as well as that of "p" of
 * "orders x".  And what an entry depends on is whatever its text speaks of:
 * statistics and indexes can have the row type of any table in an expression,
 * rules and policies can read any.  Whoever may make one could say so that it
 * came with the table of somebody else, and speaks for it.
 *
 * The definitions are the server's own texts, with names that have a schema,
 * and reserved words in capital letters; a name like that is quoted.
 *
 *-------------------------------------------------------------------------
 */
#include "part_of.h"

#include <stdlib.h>
#include <string.h>

#include "memory.h"
#include "sql_name.h"
#include "sql_text.h"

/* Behind a word, or NULL. */
static const char *
skip_word(const char *text, const char *word)
{
	const char *start = sql_skip_blank(text);
	const char *end = sql_token_end(start);

	return (size_t) (end - start) == strlen(word) && strncmp(start, word, strlen(word)) == 0 ? end
																							 : NULL;
}

static const char *
skip_optional(const char *text, const char *word)
{
	const char *end = skip_word(text, word);

	return end != NULL ? end : text;
}

/* Behind the first one of these words that is not in parentheses, or NULL. */
static const char *
find_word(const char *text, const char *word)
{
	int depth = 0;

	for (text = sql_skip_blank(text); *text != '\0'; text = sql_skip_blank(sql_token_end(text)))
	{
		const char *end = depth == 0 ? skip_word(text, word) : NULL;

		if (end != NULL)
			return end;
		depth += sql_token_nests(text);
	}
	return NULL;
}

/* A name with a schema; behind it, or NULL. */
static const char *
read_qualified(const char *text, char **schema, char **name)
{
	return text != NULL ? sql_name_read_qualified(sql_skip_blank(text), schema, name) : NULL;
}

static const char *
read_name(const char *text, char **name)
{
	return text != NULL ? sql_name_read(sql_skip_blank(text), name) : NULL;
}

/* "ENABLE ALWAYS TRIGGER t", "DISABLE RULE r", "ENABLE ROW LEVEL SECURITY" */
static bool
read_state(const char *text, PartOf *part)
{
	const char *next =
		skip_word(skip_optional(skip_optional(text, "ALWAYS"), "REPLICA"), "TRIGGER");

	if (skip_word(text, "ROW") != NULL)
		return true;
	if (next == NULL)
		next = skip_word(skip_optional(skip_optional(text, "ALWAYS"), "REPLICA"), "RULE");
	return read_name(next, &part->name) != NULL;
}

/* Behind "ALTER TABLE": what is altered, and in which part of it. */
static bool
read_altered(const char *text, PartOf *part)
{
	static const char *const kinds[] = {"FOREIGN", "TABLE", "VIEW", "DOMAIN", "ONLY"};
	const char *next;
	size_t i;

	part->of_domain = skip_word(text, "DOMAIN") != NULL;
	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		text = skip_optional(text, kinds[i]);
	text = read_qualified(text, &part->schema, &part->whole);
	if (text == NULL)
		return false;
	if ((next = skip_word(text, "ADD")) != NULL)
		return (next = skip_word(next, "CONSTRAINT")) != NULL &&
			   read_name(next, &part->name) != NULL;
	if ((next = skip_word(text, "ALTER")) != NULL)
		return (next = skip_word(next, "COLUMN")) != NULL && read_name(next, &part->name) != NULL;
	if ((next = skip_word(text, "ATTACH")) != NULL)
		return (next = skip_word(next, "PARTITION")) != NULL &&
			   read_qualified(next, &part->child_schema, &part->child) != NULL;
	if ((next = skip_word(text, "ENABLE")) != NULL || (next = skip_word(text, "DISABLE")) != NULL)
		return read_state(next, part);
	return skip_word(text, "FORCE") != NULL;
}

/* Behind "CREATE": "name … word [ONLY] s.t" */
static bool
read_created(const char *text, const char *word, PartOf *part)
{
	text = read_name(text, &part->name);
	text = text != NULL ? find_word(text, word) : NULL;
	return text != NULL &&
		   read_qualified(skip_optional(text, "ONLY"), &part->schema, &part->whole) != NULL;
}

/* "OR REPLACE VIEW s.v AS …" */
static bool
read_view_query(const char *text, PartOf *part)
{
	text = skip_word(text, "REPLACE");
	text = text != NULL ? skip_word(text, "VIEW") : NULL;
	part->name = xstrdup("_RETURN");
	return read_qualified(text, &part->schema, &part->whole) != NULL;
}

/* "CREATE STATISTICS s.st (ndistinct) ON a, (f(b)) FROM s.t" */
static bool
read_statistics(const char *text, PartOf *part)
{
	text = read_qualified(text, &part->name_schema, &part->name);
	text = text != NULL ? find_word(text, "FROM") : NULL;
	return read_qualified(text, &part->schema, &part->whole) != NULL;
}

static bool
read_create(const char *text, PartOf *part)
{
	const char *next;

	if ((next = skip_word(text, "OR")) != NULL)
		return read_view_query(next, part);
	if ((next = skip_word(text, "STATISTICS")) != NULL)
		return read_statistics(next, part);
	if ((next = skip_word(text, "RULE")) != NULL)
		return read_created(next, "TO", part);
	if ((next = skip_word(skip_optional(text, "CONSTRAINT"), "TRIGGER")) != NULL ||
		(next = skip_word(skip_optional(text, "UNIQUE"), "INDEX")) != NULL ||
		(next = skip_word(text, "POLICY")) != NULL)
		return read_created(next, "ON", part);
	return false;
}

/* "REFRESH MATERIALIZED VIEW s.v;" */
static bool
read_refresh(const char *text, PartOf *part)
{
	static const char *const words[] = {"REFRESH", "MATERIALIZED", "VIEW"};
	size_t i;

	for (i = 0; text != NULL && i < sizeof(words) / sizeof(words[0]); i++)
		text = skip_word(text, words[i]);
	return read_qualified(text, &part->schema, &part->whole) != NULL;
}

bool
part_of_read(const TocEntry *entry, const char *text, PartOf *part)
{
	static const char *const kinds[] = {"DEFAULT",       "CONSTRAINT",   "CHECK CONSTRAINT",
										"FK CONSTRAINT", "TRIGGER",      "RULE",
										"POLICY",        "ROW SECURITY", "INDEX",
										"STATISTICS",    "TABLE ATTACH", NULL};
	const char *next;
	bool good = false;

	memset(part, 0, sizeof(*part));
	if (text == NULL)
		return false;
	if (toc_entry_is(entry, "MATERIALIZED VIEW DATA"))
		good = read_refresh(text, part);
	else if (!toc_entry_is_any(entry, kinds))
		return false;
	else if ((next = skip_word(text, "ALTER")) != NULL)
		good = read_altered(next, part);
	else if ((next = skip_word(text, "CREATE")) != NULL)
		good = read_create(next, part);
	if (!good)
		part_of_free(part);
	return good;
}

void
part_of_free(PartOf *part)
{
	free(part->schema);
	free(part->whole);
	free(part->name_schema);
	free(part->name);
	free(part->child_schema);
	free(part->child);
	memset(part, 0, sizeof(*part));
}

bool
part_of_is(const TocEntry *entry, const TocEntry *whole)
{
	PartOf part;
	bool is;

	if (!(toc_entry_is_relation(whole) || toc_entry_is(whole, "DOMAIN")) ||
		!part_of_read(entry, entry->definition, &part))
		return false;
	is = (strcmp(part.whole, whole->tag) == 0 && strcmp(part.schema, whole->schema) == 0) ||
		 (part.child != NULL && strcmp(part.child, whole->tag) == 0 &&
		  strcmp(part.child_schema, whole->schema) == 0);
	is = is && part.of_domain == toc_entry_is(whole, "DOMAIN");
	part_of_free(&part);
	return is;
}

bool
part_of_is_view_query(const TocEntry *entry)
{
	return toc_entry_is(entry, "RULE") &&
		   toc_entry_after_name(entry, "CREATE OR REPLACE VIEW ") != NULL;
}

bool
part_of_refers_to(const TocEntry *key, const TocEntry *table)
{
	char *schema;
	char *name;
	bool is;

	if (!toc_entry_is(key, "FK CONSTRAINT") || key->definition == NULL ||
		read_qualified(find_word(key->definition, "REFERENCES"), &schema, &name) == NULL)
		return false;
	is = strcmp(name, table->tag) == 0 && strcmp(schema, table->schema) == 0;
	free(schema);
	free(name);
	return is;
}
