/*-------------------------------------------------------------------------
 *
 * sql_build.h
 *	  SQL text that can only grow by constants of this source, by quoted
 *	  names and values, and by numbers.
 *
 * A name, a comment, a setting or a value of the database that is backed up
 * was chosen by somebody who may be hostile, and the text that we make of it
 * runs with the rights of a superuser at the restore.  A Buffer takes
 * anything; a SqlText has no function that takes a string as it is.  So what
 * is forgotten to be quoted does not compile.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_SQL_BUILD_H
#define NEX_SQL_BUILD_H

#include <stdbool.h>

#include "buffer.h"

typedef struct SqlText
{
	Buffer text; /* for sql_*() alone; others read it by sql_string() and sql_length() */
} SqlText;

/* A constant command; the pair of empty literals makes anything but a literal a syntax error. */
typedef struct SqlConstant
{
	const char *text;
} SqlConstant;

#define SQL(literal) ((SqlConstant){"" literal ""})

extern void sql_init(SqlText *sql);
extern void sql_free(SqlText *sql);
extern void sql_reset(SqlText *sql);

/* A buffer that others write, too (rows behind the COPY of a member), for what is SQL in it. */
extern SqlText *sql_in(Buffer *buffer);

/* Never NULL. */
extern const char *sql_string(const SqlText *sql);
extern size_t sql_length(const SqlText *sql);

/* Append words of SQL, which must be a literal of C. */
#define sql_append(sql, literal) sql_append_constant((sql), SQL(literal))
extern void sql_append_constant(SqlText *sql, SqlConstant constant);

/* Append a name, "schema.name", or a value, quoted as they need it (quote.h). */
extern void sql_identifier(SqlText *sql, const char *name);
extern void sql_qualified(SqlText *sql, const char *schema, const char *name);
extern void sql_literal(SqlText *sql, const char *value);

/* The same of "schema.name" as one literal, as the input of regclass. */
extern void sql_qualified_literal(SqlText *sql, const char *schema, const char *name);

extern void sql_signed(SqlText *sql, long long number);
extern void sql_unsigned(SqlText *sql, unsigned long long number);

/* Append another text, as it is or as a literal (the body of a DO, say). */
extern void sql_text(SqlText *sql, const SqlText *other);
extern void sql_text_literal(SqlText *sql, const SqlText *other);

/*
 * Append what a server wrote, if it is what it should be; false (and nothing
 * appended) if it is anything else.  A keyword: one word of capital letters,
 * such as the name of a privilege.  Names: "a", "a.b" or "a, b", each quoted
 * where it must be.  A number: digits, perhaps behind a minus.  Hexadecimal
 * digits: as bytea has them, with or without the \x before them.
 */
extern bool sql_keyword(SqlText *sql, const char *word);
extern bool sql_checked_names(SqlText *sql, const char *names);
extern bool sql_checked_number(SqlText *sql, const char *number);
extern bool sql_checked_hex(SqlText *sql, const char *hex);

#endif /* NEX_SQL_BUILD_H */
