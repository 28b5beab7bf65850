/*-------------------------------------------------------------------------
 *
 * part_transaction.h
 *	  The one transaction in which a part comes into a database that exists.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_PART_TRANSACTION_H
#define NEX_PART_TRANSACTION_H

#include "restore_plan.h"

/* Start the one transaction: in the encoding of the backup's rows. */
extern bool partial_begin(const RestorePlan *plan, Connection *connection);

#endif /* NEX_PART_TRANSACTION_H */
