/*-------------------------------------------------------------------------
 *
 * role_changes.h
 *	  Has the restore of a part changed roles?
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_ROLE_CHANGES_H
#define NEX_ROLE_CHANGES_H

#include "restore_plan.h"

/* Remember what our transaction has done to roles so far.  False (reported) on failure. */
extern bool role_changes_note(const RestorePlan *plan, Connection *connection);

/* False (reported) if it has done more since. */
extern bool role_changes_check(const RestorePlan *plan, Connection *connection);

#endif /* NEX_ROLE_CHANGES_H */
