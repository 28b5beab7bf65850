/*-------------------------------------------------------------------------
 *
 * valid_text.h
 *	  Names from shared catalogs, and what programs write, as text of this database.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_VALID_TEXT_H
#define NEX_VALID_TEXT_H

/* Those bytes, palloc'd, with \xNN for each that is not part of a character of this database's
 * encoding. */
extern char *valid_text(const char *bytes, int length);

/* What a program has written, palloc'd, with a question mark for each of them. */
extern char *valid_output(const char *bytes, int length);

#endif /* NEX_VALID_TEXT_H */
