/*-------------------------------------------------------------------------
 *
 * public_rights.h
 *	  What PUBLIC could not use in the backup, restored without privileges.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_PUBLIC_RIGHTS_H
#define NEX_PUBLIC_RIGHTS_H

#include "rename.h"

/*
 * If the entry, which has the privileges of an object, takes any from PUBLIC,
 * make the object its owner's alone.  False (reported) on failure.
 */
extern bool public_rights_take(const RestorePlan *plan, Connection *connection,
							   const RenameMap *map, const TocEntry *grants);

/* The same for objects of the extensions that have been restored. */
extern bool public_rights_take_members(const RestorePlan *plan, Connection *connection,
									   const RenameMap *map);

#endif /* NEX_PUBLIC_RIGHTS_H */
