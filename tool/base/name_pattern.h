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
 * case, as in SQL, except inside double quotes, where everything stands for
 * itself and "" for one quotation mark.
 */
extern bool name_matches(const char *pattern, const char *name);

#endif /* NEX_NAME_PATTERN_H */
