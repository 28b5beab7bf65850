/*-------------------------------------------------------------------------
 *
 * selection_grants.h
 *	  Grants and comments on objects that have no entry.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_SELECTION_GRANTS_H
#define NEX_SELECTION_GRANTS_H

#include "chosen.h"

/*
 * The first takes those out that do not come by being asked for, the second the
 * default privileges of what is there, the third brings the grants of schema
 * public with what is in it, once everything else is decided.
 */
extern void selection_take_out_strays(Selection *selection);
extern void selection_take_out_defaults(Selection *selection);
extern void selection_bring_public(Selection *selection);

#endif /* NEX_SELECTION_GRANTS_H */
