/*-------------------------------------------------------------------------
 *
 * exclusion_needs.c
 *	  What exclusion constraints use, which the archive does not say.
 *
 * In the catalogs the functions, operators and classes of an exclusion
 * constraint belong to its index, and pg_dump writes no entry for that; in the
 * archive the constraint depends on its table alone.  So nobody would know that
 * it is lost with a function, nor that it needs one.  Its text names them with
 * their schemas (definition_names.c).
 *
 * The text does not say which function of the name is meant, nor is there a
 * parser here that would.  With several, all count if they have one owner, and
 * none otherwise: what an entry depends on is trusted, and another role may have
 * added one of that name.
 *
 *-------------------------------------------------------------------------
 */
#include "exclusion_needs.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "definition_names.h"
#include "memory.h"
#include "sql_name.h"
#include "sql_text.h"

/* A name, by a test of definition_names.h, or of what is named without arguments. */
typedef struct Wanted
{
	const UsedName *used; /* a function or operator; NULL: another thing, of these names */
	const char *schema;
	const char *name;
} Wanted;

static bool
is_wanted(const Wanted *wanted, const TocEntry *entry)
{
	static const char *const kinds[] = {
		"TYPE", "DOMAIN", "OPERATOR CLASS", "COLLATION", "FOREIGN TABLE", "TABLE", NULL};

	if (wanted->used != NULL)
		return definition_names_is(wanted->used, entry);
	return strcmp(entry->schema, wanted->schema) == 0 && strcmp(entry->tag, wanted->name) == 0 &&
		   toc_entry_is_any(entry, kinds);
}

/* What comes before the entry and has the name, if one role owns it all. */
static void
add_wanted(ArchiveToc *toc, TocEntry *entry, const Wanted *wanted)
{
	const TocEntry *first = NULL;
	uint32_t i;

	for (i = 0; i < entry->place; i++)
	{
		const TocEntry *need = &toc->entries[i];

		if (!is_wanted(wanted, need))
			continue;
		if (first != NULL && strcmp(first->owner, need->owner) != 0)
			return;
		first = first != NULL ? first : need;
	}
	for (i = first != NULL ? first->place : entry->place; i < entry->place; i++)
	{
		if (is_wanted(wanted, &toc->entries[i]))
			toc_entry_depend(entry, &toc->entries[i]);
	}
}

static bool
begins_name(const char *text)
{
	return isalpha((unsigned char) *text) || *text == '_' || *text == '"' ||
		   (unsigned char) *text >= 0x80;
}

/* Types, operator classes and collations: "s.t", behind which no arguments come. */
static void
add_others(ArchiveToc *toc, TocEntry *entry, const char *text)
{
	for (text = sql_skip_blank(text); *text != '\0';)
	{
		const char *end = sql_token_end(text);
		Wanted wanted = {NULL, NULL, NULL};
		char *schema;
		char *name;

		if (begins_name(text) && *end == '.' && begins_name(end + 1) &&
			sql_name_read_qualified(text, &schema, &name) != NULL)
		{
			end = sql_token_end(end + 1);
			wanted.schema = schema;
			wanted.name = name;
			if (*end != '(')
				add_wanted(toc, entry, &wanted);
			free(schema);
			free(name);
		}
		text = sql_skip_blank(end);
	}
}

/* Behind the names of the table and the constraint, or NULL: another kind of constraint. */
static const char *
text_of_exclusion(const TocEntry *entry)
{
	static const char word[] = "EXCLUDE";
	const char *text = toc_entry_is(entry, "CONSTRAINT") ? entry->definition : "";
	const char *end;

	for (text = sql_skip_blank(text); *text != '\0' && *text != '('; text = sql_skip_blank(end))
	{
		end = sql_token_end(text);
		if ((size_t) (end - text) == strlen(word) && strncmp(text, word, strlen(word)) == 0)
			return end;
	}
	return NULL;
}

void
exclusion_needs_add(ArchiveToc *toc)
{
	uint32_t i;
	uint32_t n;

	for (i = 0; i < toc->count; i++)
	{
		TocEntry *entry = &toc->entries[i];
		const char *text = text_of_exclusion(entry);
		UsedNames names;

		if (text == NULL)
			continue;
		definition_names_read(entry, &names);
		for (n = 0; n < names.count; n++)
		{
			Wanted wanted = {&names.items[n], NULL, NULL};

			add_wanted(toc, entry, &wanted);
		}
		definition_names_free(&names);
		add_others(toc, entry, text);
	}
}
