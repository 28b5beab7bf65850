/*-------------------------------------------------------------------------
 *
 * place_names.h
 *	  Are two places apart?  A copy in the same place is none, and one inside
 *	  of a repository, or around it, would be taken for a part of it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_PLACE_NAMES_H
#define NEX_PLACE_NAMES_H

#include <stdbool.h>

/* False (reported, exit 2) if one of the two locations is the other, or lies in it. */
extern bool places_apart(const char *from, const char *to);

#endif /* NEX_PLACE_NAMES_H */
