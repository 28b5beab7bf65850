/*-------------------------------------------------------------------------
 *
 * known_order.c
 *	  The order of statements of known form.
 * *
 * Each statement by itself may be what pg_dumpall writes, and the whole not
 * be its text: some releases of pg_dumpall wrote the name of a role, with its
 * line breaks, into a comment (CVE-2025-8715), so that the rest of the name
 * was a statement.  So the sections must follow one another, a role is created and
 * gets its attributes once, and a sequence its value once.

 *-------------------------------------------------------------------------
 */
#include "known_order.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "memory.h"

#define FIRST_SIZE 64

void
known_order_begin(KnownOrder *order)
{
	memset(order, 0, sizeof(*order));
}

void
known_order_end(KnownOrder *order)
{
	size_t i;

	for (i = 0; i < order->size; i++)
		free(order->seen[i]);
	free(order->seen);
	memset(order, 0, sizeof(*order));
}

/* FNV-1a. */
static size_t
hash_of(const char *key)
{
	uint64_t hash = 14695981039346656037ULL;

	for (; *key != '\0'; key++)
		hash = (hash ^ (unsigned char) *key) * 1099511628211ULL;
	return (size_t) (hash ^ (hash >> 32));
}

/* Where the key is, or would be. */
static char **
place_of(char **table, size_t size, const char *key)
{
	size_t i = hash_of(key) & (size - 1);

	while (table[i] != NULL && strcmp(table[i], key) != 0)
		i = (i + 1) & (size - 1);
	return &table[i];
}

static void
grow(KnownOrder *order)
{
	size_t size = order->size > 0 ? order->size * 2 : FIRST_SIZE;
	char **table = xcalloc(size, sizeof(char *));
	size_t i;

	for (i = 0; i < order->size; i++)
	{
		if (order->seen[i] != NULL)
			*place_of(table, size, order->seen[i]) = order->seen[i];
	}
	free(order->seen);
	order->seen = table;
	order->size = size;
}

/* Has it been seen before?  Takes the key over. */
static bool
seen_before(KnownOrder *order, char *key)
{
	char **place;

	if (order->count * 2 >= order->size)
		grow(order);
	place = place_of(order->seen, order->size, key);
	if (*place != NULL)
	{
		free(key);
		return true;
	}
	*place = key;
	order->count++;
	return false;
}

/* The length makes the two names one key that no other two have. */
static char *
sequence_key(const KnownStatement *statement)
{
	return xasprintf("%zu %s.%s", strlen(statement->schema), statement->schema, statement->name);
}

static const char *
role_problem(KnownOrder *order, const KnownStatement *statement)
{
	const char *created = statement->kind == SQL_CREATE_ROLE ? statement->name : statement->guarded;

	if (created != NULL && seen_before(order, xasprintf("create %s", created)))
		return "a role that was created before";
	if (statement->kind == SQL_ROLE_ATTRIBUTES &&
		seen_before(order, xasprintf("alter %s", statement->name)))
		return "a role that got its attributes before";
	return NULL;
}

/* Between SET and RESET SESSION AUTHORIZATION stands nothing but grants. */
static const char *
grantor_problem(KnownOrder *order, const KnownStatement *statement)
{
	bool within = order->as_grantor;

	order->as_grantor =
		statement->kind == SQL_GRANTOR ||
		(within && (statement->kind == SQL_ROLE_OTHER || statement->kind == SQL_TABLESPACE_OTHER));
	if (within && !order->as_grantor && statement->kind != SQL_GRANTOR_RESET)
		return "a statement after SET SESSION AUTHORIZATION that is not a grant";
	return within && statement->kind == SQL_GRANTOR
			   ? "a second SET SESSION AUTHORIZATION without RESET"
			   : NULL;
}

const char *
known_order_problem(KnownOrder *order, const KnownStatement *statement)
{
	KnownSection section = statement->section;
	const char *problem;

	if (statement->kind == SQL_SEQUENCE)
		return seen_before(order, sequence_key(statement)) ? "a second value of this sequence"
														   : NULL;

	if (statement->settings_begun && order->section < SECTION_SETTINGS)
		order->section = SECTION_SETTINGS;

	/* Privileges of parameters and of tablespaces may have a grantor. */
	if (statement->kind == SQL_GRANTOR && order->section < SECTION_PARAMETERS)
		section = SECTION_PARAMETERS;
	problem = grantor_problem(order, statement);
	if (problem == NULL)
		problem = role_problem(order, statement);
	if (problem == NULL && section != SECTION_NONE && section < order->section)
		problem = "a statement of a section that was over";
	if (section > order->section)
		order->section = section;
	return problem;
}
