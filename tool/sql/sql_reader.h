/*-------------------------------------------------------------------------
 *
 * sql_reader.h
 *	  Reading SQL text that must have a known form, and writing it again.
 *
 * Each function takes one thing of the text and appends the same, quoted by
 * us, to `out`.  So what has been read to the end need not be run as it
 * stands: `out` is the same statement, made of our own keywords, numbers and
 * quotes.  The first thing that does not fit ends the reading: all functions
 * then do nothing, and the caller looks at `good` once.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_SQL_READER_H
#define NEX_SQL_READER_H

#include <stdbool.h>

#include "buffer.h"

typedef struct SqlReader
{
	const char *at;
	const char *hole;  /* where a "%I" stands for the name of the database, or NULL */
	const char *name;  /* that is written in its place */
	bool bare_literal; /* a backslash is allowed in 'text': standard_conforming_strings is on */
	bool good;
	Buffer out;
} SqlReader;

extern void sql_reader_init(SqlReader *reader, const char *text);
extern void sql_reader_free(SqlReader *reader);

/* Words and characters, with one blank between them: taken if all of them come next. */
extern bool sql_reader_takes(SqlReader *reader, const char *words);

/* The same, which must come next. */
extern void sql_reader_needs(SqlReader *reader, const char *words);

/*
 * An identifier.  One without quotes must be lower case, as PostgreSQL
 * writes it, and no word that stands for a role, and one of more than 63 bytes
 * does not fit.  Its name, which the caller frees; NULL if there is none.
 */
extern char *sql_reader_name(SqlReader *reader);

/* The same of a setting, which can be longer: it is two names with a dot between them. */
extern char *sql_reader_setting_name(SqlReader *reader);

/*
 * 'text' or E'text' with \\, \n, \r as its only escapes.  Its content, which the
 * caller frees; NULL if there is none.
 */
extern char *sql_reader_literal(SqlReader *reader);

/* The same, thrown away. */
extern void sql_reader_needs_name(SqlReader *reader);
extern void sql_reader_needs_literal(SqlReader *reader);

/* A whole number that fits 64 bits, as text; caller frees. */
extern char *sql_reader_number(SqlReader *reader);

/* What a parameter of a tablespace can be: a number with sign, point, exponent. */
extern void sql_reader_needs_real(SqlReader *reader);

/* An element of a list of names: a literal, or a name or number as it is.  Written as literals. */
extern void sql_reader_needs_element(SqlReader *reader);

/* The name of the database. */
extern void sql_reader_needs_hole(SqlReader *reader);

/* Does a semicolon come next?  The reader stays where it is. */
extern bool sql_reader_at_semicolon(const SqlReader *reader);

/* Is this the end, but for blanks? */
extern bool sql_reader_at_end(SqlReader *reader);

#endif /* NEX_SQL_READER_H */
