/*-------------------------------------------------------------------------
 *
 * find_verb.h
 *	  The second word of a command that has several, as in "config backup".
 *
 * Each command has a separate table with what it needs to know of a verb;
 * all that is asked here is that the name comes first in a row.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_FIND_VERB_H
#define NEX_FIND_VERB_H

#include <stddef.h>

/*
 * The row of a table of count rows of size bytes that begins with the name
 * word; NULL (reported, exit 2, with the name that may have been meant) if
 * there is none.
 */
extern const void *find_verb(const char *command, const char *word, const void *verbs, size_t size,
							 int count);

#define FIND_VERB(command, word, verbs)                                                            \
	find_verb((command), (word), (verbs), sizeof((verbs)[0]),                                      \
			  (int) (sizeof(verbs) / sizeof((verbs)[0])))

#endif /* NEX_FIND_VERB_H */
