/*-------------------------------------------------------------------------
 *
 * plain_text.h
 *	  Definitions that consist of names alone.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_PLAIN_TEXT_H
#define NEX_PLAIN_TEXT_H

#include <stdbool.h>

/*
 * Has the server nothing to do for the definition, as pg_dump writes it, but
 * to look up names?  Anything that is not known is not plain.
 */
extern bool plain_table(const char *text); /* with columns of PostgreSQL's own types */
extern bool plain_function(const char *text);
extern bool plain_index(const char *text);
extern bool plain_key(const char *text); /* PRIMARY KEY, UNIQUE */
extern bool plain_statistics(const char *text);
extern bool plain_default(const char *text); /* the next value of a sequence */
extern bool plain_enum(const char *text);

#endif /* NEX_PLAIN_TEXT_H */
