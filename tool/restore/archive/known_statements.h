/*-------------------------------------------------------------------------
 *
 * known_statements.h
 *	  What the server computes when it runs a statement over a table.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_KNOWN_STATEMENTS_H
#define NEX_KNOWN_STATEMENTS_H

#include "archive_toc.h"

typedef enum StatementKind
{
	STATEMENT_UNKNOWN,   /* nobody has found out: not to be run */
	STATEMENT_CATALOG,   /* changes catalogs, and computes nothing that users wrote */
	STATEMENT_LOOKED_AT, /* what it computes is looked at elsewhere before it is run */
	STATEMENT_COMPUTES,  /* computes CHECK constraints of the table */
	STATEMENT_KEY        /* so does a primary key if a column of it can be null */
} StatementKind;

/* One statement as pg_dump writes it. */
extern StatementKind known_statement(const char *text);

/* The table of an "ALTER TABLE"; caller frees both.  False if it is another statement. */
extern bool known_statement_table(const char *text, char **schema, char **name);

/* Is the entry about a table, index or view, so that its statements are looked at? */
extern bool known_statements_apply(const TocEntry *entry);

/* Is one of its statements of this kind? */
extern bool known_statements_have(const TocEntry *entry, StatementKind kind);

/* Start and end of the next statement from *at on, which moves behind it; false at the end. */
extern bool known_statements_next(const char **at, const char **start, const char **end);

#endif /* NEX_KNOWN_STATEMENTS_H */
