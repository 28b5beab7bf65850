/*-------------------------------------------------------------------------
 *
 * valid_text.h
 *	  Names from shared catalogs as text of this database.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_VALID_TEXT_H
#define NEX_VALID_TEXT_H

/* Those bytes, palloc'd, with \xNN for each that is no part of a character of this database's
 * encoding. */
extern char *valid_text(const char *bytes, int length);

#endif /* NEX_VALID_TEXT_H */
