/*-------------------------------------------------------------------------
 *
 * definition_names.h
 *	  The names that a definition of the archive resolves when it is parsed.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_DEFINITION_NAMES_H
#define NEX_DEFINITION_NAMES_H

#include "archive_toc.h"

typedef enum NameUse
{
	NAME_FUNCTION,    /* called with arguments: which one of the name is up to their types */
	NAME_NILADIC,     /* called without any, as a trigger calls its function */
	NAME_OPERATOR,    /* OPERATOR(schema.name) */
	NAME_TYPE,        /* a value that is not a literal is cast to it */
	NAME_COLUMN,      /* something without a schema in an expression, perhaps a column */
	NAME_COLUMN_TYPE, /* the type of a column of a table */
	NAME_ROW_TYPE     /* what a typed table is of */
} NameUse;

typedef struct UsedName
{
	NameUse use;
	bool computed; /* of a table: in a generated column or an expression of its key */
	char *schema;  /* NULL of a column */
	char *name;
	char *column; /* of a NAME_COLUMN_TYPE */
} UsedName;

typedef struct UsedNames
{
	UsedName *items;
	uint32_t count;
} UsedNames;

/* Names with a schema (never pg_catalog), and those that may be columns. */
extern void definition_names_read(const TocEntry *entry, UsedNames *names);
extern void definition_names_free(UsedNames *names);

/* Is the entry a function, aggregate or operator of this name? */
extern bool definition_names_is(const UsedName *used, const TocEntry *entry);

#endif /* NEX_DEFINITION_NAMES_H */
