/*-------------------------------------------------------------------------
 *
 * operator_links.c
 *	  The commutators and negators of operators, which the archive does not say.
 *
 * The planner makes "a !== b" of "NOT (a === b)" if one is the negator of the
 * other, and swaps the sides by the commutator.  The catalogs have no dependency
 * for these links, since each of the two operators can be dropped alone, so that
 * pg_dump writes none either.  But a definition that names an operator which is
 * not there leaves a shell in its place, and queries that are planned with it
 * fail.  So a part brings both.
 *
 * The definition names the other operator with its schema, and the types of its
 * arguments are those of this one, for a commutator the other way round: one
 * operator at most is meant, unlike with the names in exclusion_needs.c.
 *
 * The links go around.  Nothing changes the order of the archive for them:
 * whichever operator comes first makes a shell of the other one, and that fills
 * it, as in a restore of the whole backup.
 *
 *-------------------------------------------------------------------------
 */
#include "operator_links.h"

#include <stdlib.h>
#include <string.h>

#include "memory.h"
#include "sql_name.h"
#include "sql_text.h"

typedef struct LinkedOperator
{
	TocEntry *entry;
	char *left; /* the types of its arguments, as DROP OPERATOR has them */
	char *right;
} LinkedOperator;

/* Behind the word or sign, or NULL if something else comes. */
static const char *
after(const char *text, const char *token)
{
	const char *end;

	if (text == NULL)
		return NULL;
	text = sql_skip_blank(text);
	end = sql_token_end(text);
	return (size_t) (end - text) == strlen(token) && strncmp(text, token, strlen(token)) == 0
			   ? end
			   : NULL;
}

/* What comes before the sign; behind that, or NULL. */
static const char *
read_type(const char *text, char sign, char **type)
{
	const char *start = sql_skip_blank(text);

	for (text = start; *text != '\0' && *text != sign;)
		text = sql_token_end(text);
	if (*text == '\0')
		return NULL;
	*type = xasprintf("%.*s", (int) (text - start), start);
	return text + 1;
}

/* "DROP OPERATOR s.=== (text, text);" */
static bool
read_arguments(const TocEntry *entry, char **left, char **right)
{
	static const char drop[] = "DROP OPERATOR ";
	const char *text = entry->drop;
	char *schema;

	if (text == NULL || strncmp(text, drop, strlen(drop)) != 0 ||
		(text = sql_name_read(text + strlen(drop), &schema)) == NULL)
		return false;
	free(schema);
	text += strcspn(text, " ");
	text = after(text, "(");
	text = text != NULL ? read_type(text, ',', left) : NULL;
	if (text == NULL)
		return false;
	if (read_type(text, ')', right) != NULL)
		return true;
	free(*left);
	return false;
}

/* Depend on the operator of this name, for a commutator with the arguments swapped. */
static void
add_link(const LinkedOperator *operators, uint32_t count, const LinkedOperator *from,
		 const char *schema, const char *name, bool swapped)
{
	const char *left = swapped ? from->right : from->left;
	const char *right = swapped ? from->left : from->right;
	uint32_t i;

	for (i = 0; i < count; i++)
	{
		const TocEntry *entry = operators[i].entry;

		if (entry != from->entry && strcmp(entry->tag, name) == 0 &&
			strcmp(entry->schema, schema) == 0 && strcmp(operators[i].left, left) == 0 &&
			strcmp(operators[i].right, right) == 0)
			toc_entry_depend(from->entry, entry);
	}
}

/* "COMMUTATOR = OPERATOR(s.!==)" and "NEGATOR = OPERATOR(s.===)" */
static void
add_links(const LinkedOperator *operators, uint32_t count, const LinkedOperator *from)
{
	const char *text = from->entry->definition;

	for (text = sql_skip_blank(text); *text != '\0'; text = sql_skip_blank(sql_token_end(text)))
	{
		bool commutator = after(text, "COMMUTATOR") != NULL;
		const char *end = after(text, commutator ? "COMMUTATOR" : "NEGATOR");
		char *schema;

		end = after(after(after(end, "="), "OPERATOR"), "(");
		if (end == NULL || (end = sql_name_read(end, &schema)) == NULL)
			continue;
		if (*end == '.')
		{
			char *name = xasprintf("%.*s", (int) strcspn(end + 1, ")"), end + 1);

			add_link(operators, count, from, schema, name, commutator);
			free(name);
		}
		free(schema);
	}
}

void
operator_links_add(ArchiveToc *toc)
{
	LinkedOperator *operators = xcalloc((size_t) toc->count + 1, sizeof(LinkedOperator));
	uint32_t count = 0;
	uint32_t i;

	for (i = 0; i < toc->count; i++)
	{
		LinkedOperator *next = &operators[count];

		next->entry = &toc->entries[i];
		if (toc_entry_is(next->entry, "OPERATOR") && next->entry->definition != NULL &&
			read_arguments(next->entry, &next->left, &next->right))
			count++;
	}
	for (i = 0; i < count; i++)
		add_links(operators, count, &operators[i]);
	for (i = 0; i < count; i++)
	{
		free(operators[i].left);
		free(operators[i].right);
	}
	free(operators);
}
