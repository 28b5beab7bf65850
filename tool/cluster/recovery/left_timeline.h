/*-------------------------------------------------------------------------
 *
 * left_timeline.h
 *	  Has a timeline that a recovery leaves gone on for longer than the one
 *	  that it goes to?
 *
 * The newest timeline is taken where none was named, as it was begun by
 * somebody who had left the older one.  If that was only a try, and the older
 * server went on, what is wanted is there; only a person knows.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_LEFT_TIMELINE_H
#define NEX_LEFT_TIMELINE_H

#include "recovery_plan.h"

/* A warning, with both moments, if it has. */
extern void left_timeline_warn(const RecoveryPlan *plan);

#endif /* NEX_LEFT_TIMELINE_H */
