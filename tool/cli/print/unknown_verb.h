/*-------------------------------------------------------------------------
 *
 * unknown_verb.h
 *	  The second word of a command, as in "config backup", that is none.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_UNKNOWN_VERB_H
#define NEX_UNKNOWN_VERB_H

#include <stdbool.h>

/* Report it (exit 2), with the one of its names that may have been meant; always false. */
extern bool report_unknown_verb(const char *command, const char *verb, const char *const *names,
								int count);

#endif /* NEX_UNKNOWN_VERB_H */
