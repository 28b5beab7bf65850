/*-------------------------------------------------------------------------
 *
 * type_changes.h
 *	  Does a type take the values of another one as they are?
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_TYPE_CHANGES_H
#define NEX_TYPE_CHANGES_H

#include <stdbool.h>

/*
 * Both as format_type() writes them, neither an array nor a domain.  True if
 * each value that COPY wrote of `from` is read as the same value of `to`, or is
 * refused by the server with an error.
 */
extern bool type_change_keeps(const char *from, const char *to);

/* Text of any kind, whose values an enum takes as they are, or refuses. */
extern bool type_change_is_text(const char *type);

#endif /* NEX_TYPE_CHANGES_H */
