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

typedef struct TablePattern
{
	const char *text; /* as it was given; belongs to the caller */
	char *schema;     /* patterns as in name_pattern.h; NULL: any schema */
	char *name;
	char *letters; /* of the name */
} TablePattern;

/*
 * Parse "name" or "schema.name", in each of which wildcards and double quotes
 * are as in name_pattern.h.  False (reported, exit 2, with the option's name) if it is
 * no pattern.
 */
extern bool table_pattern_parse(const char *option, const char *text, TablePattern *pattern);
extern void table_pattern_free(TablePattern *pattern);

/* Without a schema the pattern matches in all schemas. */
extern bool table_pattern_matches(const TablePattern *pattern, const char *schema,
								  const char *name);

#endif /* NEX_TABLE_PATTERN_H */
