/*-------------------------------------------------------------------------
 *
 * moment_text.h
 *	  A moment in words.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_MOMENT_TEXT_H
#define NEX_MOMENT_TEXT_H

#include "recovery_plan.h"

/* "at 2026-11-30 12:00:00.000000+00"; caller frees. */
extern char *moment_text(const RecoveryPlan *plan);

#endif /* NEX_MOMENT_TEXT_H */
