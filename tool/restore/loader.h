/*-------------------------------------------------------------------------
 *
 * loader.h
 *	  Loading rows and large objects with several connections.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_LOADER_H
#define NEX_LOADER_H

#include "restore_plan.h"

/* Load all data and large objects into plan->working; sets plan->result->rows. */
extern bool loader_run(const RestorePlan *plan);

#endif /* NEX_LOADER_H */
