/*-------------------------------------------------------------------------
 *
 * row_rights.h
 *	  With whose rights the rows of a table are added to a live database.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_ROW_RIGHTS_H
#define NEX_ROW_RIGHTS_H

#include "connection.h"
#include "manifest.h"
#include "session_rights.h"

typedef struct Settings Settings;

/*
 * Keep the names of schemas from meaning something else until the end of the
 * transaction, so that a name that was looked at is still the same table when
 * rows are sent to it.
 */
extern bool row_rights_begin(const Settings *settings, Connection *connection);

/*
 * Decide, for a table that takes the columns of `source`.  `target`, its
 * quoted name, must be locked in ROW EXCLUSIVE mode or created by this
 * transaction; `oid` is what it was found to be, or 0.  `counted`: rows come by
 * INSERT, where rules act, and their keys are looked for in the table
 * (rows_there.h).  Locks the table against new code.  False (reported) if the
 * rows cannot be added with rights that nobody would gain by.
 */
extern bool row_rights_decide(const Settings *settings, Connection *connection,
							  const ManifestTable *source, const char *target, uint32_t oid,
							  bool counted, RowRights *rights);
extern void row_rights_free(RowRights *rights);

#endif /* NEX_ROW_RIGHTS_H */
