/*-------------------------------------------------------------------------
 *
 * quote.h
 *	  SQL quoting without a connection: identifiers are always quoted when
 *	  they hold anything but lower-case letters, digits and underscores, or
 *	  are a keyword of any supported version.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_QUOTE_H
#define NEX_QUOTE_H

#include "buffer.h"

extern void quote_identifier(Buffer *out, const char *name);
extern void quote_qualified(Buffer *out, const char *schema, const char *name);

/*
 * A name in SQL that a person is to copy: one with characters that are not
 * seen, above all the end of a line, as U&"a\000ab".  Bytes that are not UTF-8
 * have no such form and become U+FFFD, so that the command fits no object.
 */
extern void quote_identifier_shown(Buffer *out, const char *name);

/*
 * 'text', or E'text' when it holds a backslash or the end of a line: then it
 * means the same whether standard_conforming_strings is on or off, which a
 * role or a database can set for whoever reads the text, and it is one line.
 */
extern void quote_literal(Buffer *out, const char *text);

/* Another element of an array as text, which begins with "{" and ends with "}". */
extern void quote_array_item(Buffer *array, const char *text);

/*
 * A word for a shell: plain, in single quotes, or, where bytes cannot be shown
 * and typed, as $'…', which bash, zsh, ksh and POSIX of 2024 know.
 */
extern void quote_shell_word(Buffer *out, const char *word);

/*
 * A name for people: control characters, and bytes that are not UTF-8, as \xNN, so that a hostile
 * name can not forge log lines.  Caller frees.
 */
extern char *printable_name(const char *name);

#endif /* NEX_QUOTE_H */
