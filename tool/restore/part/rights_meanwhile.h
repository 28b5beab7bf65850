/*-------------------------------------------------------------------------
 *
 * rights_meanwhile.h
 *	  Who may use what has been restored while code of others still runs.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_RIGHTS_MEANWHILE_H
#define NEX_RIGHTS_MEANWHILE_H

#include "rename.h"

/* The entry has been restored, or will be before rights_settle(); grants will be made by that. */
extern void rights_note(const RestorePlan *plan, const TocEntry *entry);

/*
 * Give what was noted since the last call the privileges of the backup, tables
 * those of their owners alone.  False (reported) on failure.
 */
extern bool rights_settle(const RestorePlan *plan, Connection *connection, const RenameMap *map);

/* At the end: everything that is left.  False (reported) on failure. */
extern bool rights_give(const RestorePlan *plan, Connection *connection, const RenameMap *map);

extern void rights_free(MeanwhileRights *rights);

#endif /* NEX_RIGHTS_MEANWHILE_H */
