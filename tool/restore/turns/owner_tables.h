/*-------------------------------------------------------------------------
 *
 * owner_tables.h
 *	  Tables of others, made by their owners in a live database.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_OWNER_TABLES_H
#define NEX_OWNER_TABLES_H

#include "definitions.h"
#include "rename.h"

/* *owners: is it to be made by its owner?  False (reported) on failure. */
extern bool owner_tables_decide(const RestorePlan *plan, Connection *connection,
								const TocEntry *entry, bool *owners);

/* What pg_restore makes of the entry: settings for the session, and statements for the owner. */
extern void owner_tables_split(const char *script, Buffer *settings, Buffer *statements);

/* What its owner changes in the catalogs, and not more; NULL: what a table may take over. */
extern const CatalogChange *owner_tables_changes(const RestorePlan *plan, const TocEntry *entry);

/*
 * When all tables are made: false (reported) if a key of one runs what others
 * can change, as every further statement of the session would do.
 */
extern bool owner_tables_check_keys(const RestorePlan *plan, Connection *connection,
									const RenameMap *map);

#endif /* NEX_OWNER_TABLES_H */
