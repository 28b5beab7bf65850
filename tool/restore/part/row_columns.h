/*-------------------------------------------------------------------------
 *
 * row_columns.h
 *	  Do the columns of live tables take the values of a backup as they are?
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_ROW_COLUMNS_H
#define NEX_ROW_COLUMNS_H

#include "append_tables.h"

/* Of the tables that --append fills.  If not, false (reported), or with --yes a warning. */
extern bool row_columns_check_append(const RestorePlan *plan, Connection *connection,
									 const AppendTables *tables);

/*
 * Of a table, `shown`, that was made in a database which exists, over types and
 * parents of that database.  If not, false (reported).
 */
extern bool row_columns_check_part(const RestorePlan *plan, Connection *connection,
								   const ManifestTable *source, const char *shown);

#endif /* NEX_ROW_COLUMNS_H */
