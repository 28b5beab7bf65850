/*-------------------------------------------------------------------------
 *
 * extension_rows.h
 *	  Rows of extensions' configuration tables in a part of a backup.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_EXTENSION_ROWS_H
#define NEX_EXTENSION_ROWS_H

#include "chosen.h"
#include "table_pattern.h"

/* Get ready to choose among the tables of this manifest, which must outlive the choice. */
extern void extension_rows_begin(Selection *selection, const Manifest *manifest);

/* Is an extension of this name restored, or (NULL) any? */
extern bool extension_rows_brought(const Selection *selection, const char *name);

/* Give those that match, or whose schema does, a state; false if none does. */
extern bool extension_rows_mark(Selection *selection, const TablePattern *pattern, bool schemas,
								EntryState state);

/* The extension that must come with the table at this place of the manifest, or NULL. */
extern const TocEntry *extension_rows_need(const Selection *selection, uint32_t place);

/* Tables chosen by name that cannot come are reported: false. */
extern bool extension_rows_check(const Selection *selection, const Settings *settings);

/* Are the rows of the table at this place wanted?  What does not come by itself is noted. */
extern bool extension_rows_wanted(Selection *selection, const Settings *settings, uint32_t place);

/*
 * Backups of 0.2.1 do not say whose a table is.  Once the extensions have been
 * created, take out of the manifest the tables that none of them brought.
 */
extern bool extension_rows_settle(const RestorePlan *plan, Connection *connection);

/* All configuration tables and sequences that the database has.  NULL (reported) on failure. */
extern PGresult *extension_rows_members(Connection *connection);

/*
 * Does this sequence belong to what is restored: to an extension that was
 * created, or with --append to one whose rows are added?
 */
extern bool extension_rows_has_sequence(const RestorePlan *plan, const PGresult *members,
										const char *schema, const char *name);

#endif /* NEX_EXTENSION_ROWS_H */
