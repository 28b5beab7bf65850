/*-------------------------------------------------------------------------
 *
 * name_pattern.h
 *	  Patterns of names as psql and pg_dumpall take them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_NAME_PATTERN_H
#define NEX_NAME_PATTERN_H

#include <stdbool.h>

/*
 * `*` stands for any characters, `?` for one.  Letters are folded to lower
 * case, as in SQL, except inside double quotes, where everything is taken
 * literally and "" for one quotation mark.
 */
extern bool name_matches(const char *pattern, const char *name);

/*
 * A pattern as a name: folded, without its quotes, wildcards as they stand;
 * *wild tells whether it has some.  Caller frees.
 */
extern char *name_pattern_letters(const char *pattern, bool *wild);

#endif /* NEX_NAME_PATTERN_H */
