/*-------------------------------------------------------------------------
 *
 * post_data.h
 *	  Indexes, constraints, triggers and all else that follows the rows.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_POST_DATA_H
#define NEX_POST_DATA_H

#include "restore_plan.h"

/* Restore the post-data section, except for what was built early. */
extern bool post_data_run(const RestorePlan *plan);

#endif /* NEX_POST_DATA_H */
