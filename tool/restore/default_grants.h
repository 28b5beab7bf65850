/*-------------------------------------------------------------------------
 *
 * default_grants.h
 *	  Keeping the default privileges of a live database away from what is
 *	  restored into it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_DEFAULT_GRANTS_H
#define NEX_DEFAULT_GRANTS_H

#include "partial.h"
#include "rename.h"

/* Give every object that was just created the privileges that a new object has by itself. */
extern bool default_grants_reset(const RestorePlan *plan, Connection *connection,
								 const RenameMap *map);

#endif /* NEX_DEFAULT_GRANTS_H */
