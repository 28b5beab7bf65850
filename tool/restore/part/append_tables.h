/*-------------------------------------------------------------------------
 *
 * append_tables.h
 *	  The tables that --append fills.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_APPEND_TABLES_H
#define NEX_APPEND_TABLES_H

#include "restore_plan.h"
#include "session_rights.h"

typedef struct AppendTable
{
	int32_t source; /* position in the manifest */
	uint32_t oid;   /* of the table that takes the rows */
	char *target;   /* its name, quoted */
	bool placed;    /* in the order already */
	bool counted;   /* rows that are there are skipped, and counted */
	RowRights rights;
} AppendTable;

typedef struct AppendTables
{
	AppendTable *items;
	uint32_t count;
	bool counted; /* of all; set by the caller */
} AppendTables;

/*
 * Find the tables of the database that take the rows, lock them, see that
 * they have the columns, and decide with whose rights rows are added.  False
 * (reported) if anything is amiss.
 */
extern bool append_tables_find(const RestorePlan *plan, Connection *connection,
							   AppendTables *tables);

/*
 * Decide once more, directly before rows are added: code of the owner of
 * another table may have changed this one in our own transaction, where locks
 * do not keep it away.  False (reported) if it is another table now.
 */
extern bool append_tables_decide(const RestorePlan *plan, Connection *connection,
								 AppendTable *table);

/*
 * Before what waits for the end is checked with the rights of the session:
 * see that owners, when they added rows to their tables, have not put code
 * in the way of tables that had none.  False (reported) if they have.
 */
extern bool append_tables_check_waiting(const RestorePlan *plan, Connection *connection,
										AppendTables *tables);

/*
 * Put tables that others refer to first; deferrable foreign keys are made to
 * wait for the end instead, but not those of tables to which the owner adds
 * the rows.  False (reported) if they refer to each other.
 */
extern bool append_tables_order(Connection *connection, AppendTables *tables);

/*
 * append_keys.c: can rows that are there already be told from new ones?  If
 * not, false (reported), or with --yes a warning.
 */
extern bool append_keys_check(const RestorePlan *plan, Connection *connection,
							  const AppendTables *tables);
extern void append_tables_free(AppendTables *tables);

#endif /* NEX_APPEND_TABLES_H */
