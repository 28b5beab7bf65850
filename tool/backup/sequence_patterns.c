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
 * well.  So each sequence is excluded by its name, quoted, as a pattern may
 * say: "schema"."one"|"another".  Many in one pattern, as each costs a query.
 *
 *-------------------------------------------------------------------------
 */
#include "sequence_patterns.h"

#include <stdlib.h>
#include <string.h>

#include "buffer.h"
#include "memory.h"

#define PATTERN_BYTES (64 * 1024) /* an argument may have 128 kB */
#define VERSION_WITH_SEQUENCE_DATA 180000

static const SqlConstant sequences_query =
	SQL("SELECT n.nspname, c.relname FROM pg_catalog.pg_class c"
		" JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
		" WHERE c.relkind = 'S' AND c.relpersistence <> 't' ORDER BY n.nspname, c.relname");

/* Within quotes nothing has a meaning but quotes. */
static void
append_quoted(Buffer *pattern, const char *name)
{
	buffer_append_char(pattern, '"');
	for (; *name != '\0'; name++)
	{
		if (*name == '"')
			buffer_append_char(pattern, '"');
		buffer_append_char(pattern, *name);
	}
	buffer_append_char(pattern, '"');
}

/* One pattern, of sequences from *row on; moves *row behind them. */
static char *
next_pattern(const PGresult *result, int *row)
{
	const char *schema = PQgetvalue(result, *row, 0);
	Buffer pattern;
	bool first = true;

	buffer_init(&pattern);
	append_quoted(&pattern, schema);
	while (*row < PQntuples(result) && strcmp(PQgetvalue(result, *row, 0), schema) == 0 &&
		   pattern.length < PATTERN_BYTES)
	{
		buffer_append_char(&pattern, first ? '.' : '|');
		append_quoted(&pattern, PQgetvalue(result, *row, 1));
		first = false;
		(*row)++;
	}
	return buffer_detach(&pattern);
}

char **
sequence_patterns_read(Connection *connection)
{
	PGresult *result;
	char **patterns;
	int count = 0;
	int row = 0;

	if (connection_version(connection) >= VERSION_WITH_SEQUENCE_DATA)
		return xcalloc(1, sizeof(char *));
	result = connection_query(connection, sequences_query, 0, NULL);
	if (result == NULL)
		return NULL;
	patterns = xcalloc((size_t) PQntuples(result) + 1, sizeof(char *));
	while (row < PQntuples(result))
		patterns[count++] = next_pattern(result, &row);
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
