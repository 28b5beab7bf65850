/*-------------------------------------------------------------------------
 *
 * owner_tables.h
 *	  Tables of others, made by their owners in a live database.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_OWNER_TABLES_H
#define NEX_OWNER_TABLES_H

#include "rename.h"

/* *owners: is it to be made by its owner?  False (reported) on failure. */
extern bool owner_tables_decide(const RestorePlan *plan, Connection *connection,
								const TocEntry *entry, bool *owners);

/* What pg_restore makes of the entry: settings for the session, and statements for the owner. */
extern void owner_tables_split(const char *script, Buffer *settings, Buffer *statements);

/* Let the owner run the statements of the script.  False (reported) on failure. */
extern bool owner_tables_make(const RestorePlan *plan, Connection *connection, const RenameMap *map,
							  const TocEntry *entry, const char *statements);

/*
 * When all tables are made: false (reported) if a key of one runs what others
 * can change, as every further statement of the session would do.
 */
extern bool owner_tables_check_keys(const RestorePlan *plan, Connection *connection,
									const RenameMap *map);

#endif /* NEX_OWNER_TABLES_H */
