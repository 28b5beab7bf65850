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

typedef struct Place Place;

/* False (reported, exit 2) if one of the two places is the other, or lies in it. */
extern bool places_apart(const Place *from, const Place *to);

#endif /* NEX_PLACE_NAMES_H */
