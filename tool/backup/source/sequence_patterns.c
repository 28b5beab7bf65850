/*-------------------------------------------------------------------------
 *
 * sequence_patterns.c
 *	  Keeping pg_dump from reading sequences.
 *
 * Asked for the sections before and after the data, pg_dump reads the values
 * of all sequences as well, one by one, with SELECT ... FROM name.  Between
 * its list of names and that query, the owner of a sequence may have given the
 * name to a table of his, and planning a query over that runs his code
 * with our rights (code_of_others.h).  We read sequences ourselves, in ways
 * that are safe (sequences.c), so pg_dump need not.
 *
 * --schema-only would keep it from that, and from REFRESH MATERIALIZED VIEW as
 * well.  So the data of sequences is excluded by patterns.  A few are named one by one,
 * quoted, as a pattern may say: "schema"."one"|"another".  Of many that costs the
 * square of their number: for each pattern pg_dump lets the server compare all
 * relations with a regular expression that is as long as the pattern.
 *
 * But of tables we want no data either, and materialized views are few.  So
 * many sequences are covered by patterns that match whatever is no
 * materialized view: each begins like one as far as a sequence does, and goes
 * on otherwise: "repo"[^"r"]* for all but repor....  That of a schema without
 * any is "schema".*, and if no schema has any, one pattern will do: *.*
 *
 *-------------------------------------------------------------------------
 */
#include "sequence_patterns.h"

#include <stdlib.h>
#include <string.h>

#include "buffer.h"
#include "memory.h"

#define PATTERN_BYTES 2048   /* a longer one makes the server slow out of proportion */
#define FEW_BYTES (8 * 2048) /* of names that are named */
#define VERSION_WITH_SEQUENCE_DATA 180000

static const SqlConstant names_query =
	SQL("SELECT n.nspname, c.relname, c.relkind = 'm' FROM pg_catalog.pg_class c"
		" JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
		" WHERE c.relkind IN ('S', 'm') AND c.relpersistence <> 't'"
		" ORDER BY n.nspname, c.relkind = 'm', c.relname");

/* Names in the order of their bytes; they belong to the result. */
typedef struct Names
{
	const char **items;
	int count;
} Names;

typedef struct Patterns
{
	char **items;
	int count;
} Patterns;

/* A schema's rows in the result: its sequences, then its materialized views. */
typedef struct SchemaRows
{
	const char *name;
	Names sequences;
	Names views;
} SchemaRows;

/* ---- words of a pattern ---- */

/* Within quotes nothing has a meaning but quotes. */
static void
append_quoted(Buffer *pattern, const char *name, size_t length)
{
	size_t i;

	buffer_append_char(pattern, '"');
	for (i = 0; i < length; i++)
	{
		if (name[i] == '"')
			buffer_append_char(pattern, '"');
		buffer_append_char(pattern, name[i]);
	}
	buffer_append_char(pattern, '"');
}

/* Bytes of the first character. */
static size_t
character_length(const char *text, int encoding)
{
	size_t length = (size_t) PQmblen(text, encoding);
	size_t left = strlen(text);

	return length < left ? length : left;
}

/* Bytes of the whole characters that two names begin with alike. */
static size_t
common_length(const char *one, const char *other, int encoding)
{
	size_t length = 0;

	while (one[length] != '\0')
	{
		size_t next = character_length(one + length, encoding);

		if (strncmp(one + length, other + length, next) != 0)
			break;
		length += next;
	}
	return length;
}

/* Where in the names this one would be. */
static int
place_in(const Names *names, const char *name)
{
	int low = 0;
	int high = names->count;

	while (low < high)
	{
		int middle = low + (high - low) / 2;

		if (strcmp(names->items[middle], name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/*
 * [^"abc"]: another character than those which names go on with behind the
 * first `length` bytes of the one at `place` or before it.  A hyphen is last,
 * where it is no range.
 */
static void
append_other_character(Buffer *piece, const Names *names, int place, const char *prefix,
					   size_t length, int encoding)
{
	const char *last = NULL;
	bool hyphen = false;
	Buffer characters;

	while (place > 0 && strncmp(names->items[place - 1], prefix, length) == 0)
		place--;
	buffer_init(&characters);
	for (; place < names->count && strncmp(names->items[place], prefix, length) == 0; place++)
	{
		const char *next = names->items[place] + length;
		size_t bytes = character_length(next, encoding);

		if (*next == '-')
			hyphen = true;
		else if (*next != '\0' && (last == NULL || strncmp(last, next, bytes) != 0))
			buffer_append(&characters, next, bytes);
		last = next;
	}
	if (hyphen)
		buffer_append_char(&characters, '-');
	if (characters.length > 0)
	{
		buffer_append_string(piece, "[^");
		append_quoted(piece, characters.data, characters.length);
		buffer_append_char(piece, ']');
	}
	else
		buffer_append_char(piece, '?');
	buffer_free(&characters);
}

/* A pattern that matches the name, as many others as possible, and none of those to keep. */
static char *
piece_for(const char *name, const Names *keep, int encoding)
{
	int place = place_in(keep, name);
	size_t length = 0;
	Buffer piece;
	int i;

	for (i = place > 0 ? place - 1 : 0; i <= place && i < keep->count; i++)
	{
		size_t common = common_length(name, keep->items[i], encoding);

		length = common > length ? common : length;
	}
	buffer_init(&piece);
	if (length > 0)
		append_quoted(&piece, name, length);
	if (keep->count > 0 && name[length] != '\0')
		append_other_character(&piece, keep, place, name, length, encoding);
	if (name[length] != '\0')
		buffer_append_char(&piece, '*');
	return buffer_detach(&piece);
}

/* ---- sets of patterns ---- */

static void
add_pattern(Patterns *patterns, char *pattern)
{
	if ((patterns->count & (patterns->count - 1)) == 0)
		patterns->items =
			xrealloc(patterns->items, (size_t) (patterns->count * 2 + 2) * sizeof(char *));
	patterns->items[patterns->count++] = pattern;
	patterns->items[patterns->count] = NULL;
}

static int
compare_texts(const void *left, const void *right)
{
	return strcmp(*(char *const *) left, *(char *const *) right);
}

/* Each once. */
static void
unite(Patterns *pieces)
{
	int count = 0;
	int i;

	qsort(pieces->items, (size_t) pieces->count, sizeof(char *), compare_texts);
	for (i = 0; i < pieces->count; i++)
	{
		if (count > 0 && strcmp(pieces->items[count - 1], pieces->items[i]) == 0)
			free(pieces->items[i]);
		else
			pieces->items[count++] = pieces->items[i];
	}
	pieces->count = count;
}

/* Pieces that match all of the names and none of those to keep. */
static Patterns
cover(const Names *names, const Names *keep, int encoding)
{
	Patterns pieces = {xcalloc(2, sizeof(char *)), 0};
	int i;

	for (i = 0; i < names->count; i++)
		add_pattern(&pieces, piece_for(names->items[i], keep, encoding));
	unite(&pieces);
	return pieces;
}

static Patterns
each(const Names *names)
{
	Patterns pieces = {xcalloc(2, sizeof(char *)), 0};
	int i;

	for (i = 0; i < names->count; i++)
	{
		Buffer piece;

		buffer_init(&piece);
		append_quoted(&piece, names->items[i], strlen(names->items[i]));
		add_pattern(&pieces, buffer_detach(&piece));
	}
	return pieces;
}

/* Put pieces between the two texts, as many as one pattern may have; frees the pieces. */
static void
join(Patterns *patterns, const char *before, Patterns *pieces, const char *after)
{
	int i = 0;

	while (i < pieces->count)
	{
		Buffer pattern;
		size_t begun;

		buffer_init(&pattern);
		buffer_append_string(&pattern, before);
		begun = pattern.length;
		while (i < pieces->count && pattern.length < PATTERN_BYTES)
		{
			if (pattern.length > begun)
				buffer_append_char(&pattern, '|');
			buffer_append_string(&pattern, pieces->items[i]);
			free(pieces->items[i++]);
		}
		buffer_append_string(&pattern, after);
		add_pattern(patterns, buffer_detach(&pattern));
	}
	free(pieces->items);
}

/* ---- the database ---- */

/* The schema that begins at *row, which moves behind it. */
static void
take_schema(const PGresult *result, int *row, const char **names, SchemaRows *schema)
{
	int count = 0;

	schema->name = PQgetvalue(result, *row, 0);
	schema->sequences.items = names + *row;
	schema->sequences.count = 0;
	for (; *row < PQntuples(result) && strcmp(PQgetvalue(result, *row, 0), schema->name) == 0;
		 (*row)++)
	{
		names[*row] = PQgetvalue(result, *row, 1);
		schema->sequences.count += PQgetvalue(result, *row, 2)[0] != 't';
		count++;
	}
	schema->views.items = schema->sequences.items + schema->sequences.count;
	schema->views.count = count - schema->sequences.count;
}

/* Patterns within a schema. */
static void
add_of_schema(Patterns *patterns, const SchemaRows *schema, bool few, int encoding)
{
	Patterns pieces =
		few ? each(&schema->sequences) : cover(&schema->sequences, &schema->views, encoding);
	Buffer before;

	buffer_init(&before);
	append_quoted(&before, schema->name, strlen(schema->name));
	buffer_append_char(&before, '.');
	join(patterns, before.data, &pieces, "");
	buffer_free(&before);
}

/* Patterns of all schemas; few: so few sequences that each is named. */
static void
add_all(Patterns *patterns, const SchemaRows *schemas, int count, bool few, int encoding)
{
	Names open = {xcalloc((size_t) count + 1, sizeof(char *)), 0};
	Names keep = {xcalloc((size_t) count + 1, sizeof(char *)), 0};
	Patterns pieces;
	int i;

	for (i = 0; i < count; i++)
	{
		const SchemaRows *schema = &schemas[i];

		if (schema->sequences.count > 0 && (few || schema->views.count > 0))
			add_of_schema(patterns, schema, few, encoding);
		else if (schema->sequences.count > 0)
			open.items[open.count++] = schema->name;
		if (schema->views.count > 0)
			keep.items[keep.count++] = schema->name;
	}
	pieces = cover(&open, &keep, encoding);
	join(patterns, "", &pieces, ".*");
	free(open.items);
	free(keep.items);
}

static bool
are_few(const PGresult *result)
{
	size_t bytes = 0;
	int i;

	for (i = 0; i < PQntuples(result); i++)
	{
		if (PQgetvalue(result, i, 2)[0] != 't')
			bytes += (size_t) PQgetlength(result, i, 1);
	}
	return bytes <= FEW_BYTES;
}

char **
sequence_patterns_of(const PGresult *result, int encoding)
{
	int rows = PQntuples(result);
	const char **names = xcalloc((size_t) rows + 1, sizeof(char *));
	SchemaRows *schemas = xcalloc((size_t) rows + 1, sizeof(SchemaRows));
	Patterns patterns = {xcalloc(2, sizeof(char *)), 0};
	int count = 0;
	int row = 0;

	while (row < rows)
		take_schema(result, &row, names, &schemas[count++]);
	add_all(&patterns, schemas, count, are_few(result), encoding);
	free(schemas);
	free(names);
	return patterns.items;
}

char **
sequence_patterns_read(Connection *connection)
{
	PGresult *result;
	char **patterns;

	if (connection_version(connection) >= VERSION_WITH_SEQUENCE_DATA)
		return xcalloc(1, sizeof(char *));
	result = connection_query(connection, names_query, 0, NULL);
	if (result == NULL)
		return NULL;
	patterns = sequence_patterns_of(result, PQclientEncoding(connection->pg));
	PQclear(result);
	return patterns;
}

void
sequence_patterns_free(char **patterns)
{
	int i;

	for (i = 0; patterns != NULL && patterns[i] != NULL; i++)
		free(patterns[i]);
	free(patterns);
}
