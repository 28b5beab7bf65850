/*-------------------------------------------------------------------------
 *
 * part_rows.h
 *	  The rows of a part, which come into its new tables in one transaction.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_PART_ROWS_H
#define NEX_PART_ROWS_H

#include "rename.h"

/* The table that takes the rows, quoted and perhaps renamed; caller frees. */
extern char *part_rows_target(const RestorePlan *plan, const RenameMap *map,
							  const ManifestTable *table);

/* Load all rows, each table with what protects it.  False (reported) on failure. */
extern bool part_rows_load(const RestorePlan *plan, Connection *connection, const RenameMap *map);

#endif /* NEX_PART_ROWS_H */
