/*-------------------------------------------------------------------------
 *
 * table_pattern.h
 *	  Patterns for names of tables and schemas, as psql and pg_dump take them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_TABLE_PATTERN_H
#define NEX_TABLE_PATTERN_H

#include <stdbool.h>

/* One name: letters, and wildcards where `wild` says so. */
typedef struct Glob
{
	char *letters;
	bool *wild;
	int length;
} Glob;

typedef struct TablePattern
{
	const char *text; /* as it was given; belongs to the caller */
	bool has_schema;
	Glob schema;
	Glob name;
} TablePattern;

/*
 * Parse "name" or "schema.name".  "*" is any text and "?" any character;
 * letters outside double quotes are folded to lower case, and nothing inside
 * them is special.  False (reported, exit 2, with the option's name) if it is
 * no pattern.
 */
extern bool table_pattern_parse(const char *option, const char *text, TablePattern *pattern);
extern void table_pattern_free(TablePattern *pattern);

/* Without a schema the pattern matches in all schemas. */
extern bool table_pattern_matches(const TablePattern *pattern, const char *schema,
								  const char *name);

/* Does it match more than one name? */
extern bool table_pattern_is_wild(const TablePattern *pattern);

#endif /* NEX_TABLE_PATTERN_H */
