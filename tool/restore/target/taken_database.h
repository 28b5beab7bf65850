/*-------------------------------------------------------------------------
 *
 * taken_database.h
 *	  An empty database that was there, while a restore fills it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_TAKEN_DATABASE_H
#define NEX_TAKEN_DATABASE_H

#include "restore_plan.h"

/*
 * Take it: mark it, end the sessions in it, keep others out, and see that it is
 * still empty.  False (reported) if it cannot be had, or is not empty any more.
 */
extern bool taken_database_take(const RestorePlan *plan);

/* When everything is in it: give it to its owner, still closed. */
extern bool taken_database_give(RestorePlan *plan);

/* The last step: this limit of connections, and the comment that it had. */
extern bool taken_database_open(RestorePlan *plan, int limit);

/* The limit of connections that it had. */
extern int taken_database_limit(const RestorePlan *plan);

/* After a failure: as it was, apart from what was restored into it. */
extern void taken_database_give_back(RestorePlan *plan);

extern void taken_database_free(TakenDatabase *taken);

#endif /* NEX_TAKEN_DATABASE_H */
