/*-------------------------------------------------------------------------
 *
 * printable.h
 *	  Which bytes may go to a terminal or into a line of a log as they are.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_PRINTABLE_H
#define NEX_PRINTABLE_H

#include <stdint.h>

/*
 * The well-formed UTF-8 character at the start of a NUL-terminated text, and
 * its length; 0 if there is none.
 */
extern int utf8_character(const char *text, uint32_t *character);

/*
 * The same; 0 also for what is not seen: control characters, those that turn
 * the direction of writing, and other invisible ones.  A joiner between two
 * letters of a script that needs it is counted with the first of them.
 */
extern int printable_length(const char *text);

#endif /* NEX_PRINTABLE_H */
