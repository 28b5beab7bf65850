/*-------------------------------------------------------------------------
 *
 * doctor_scheduler.h
 *	  Checks of the scheduler.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_DOCTOR_SCHEDULER_H
#define NEX_DOCTOR_SCHEDULER_H

#include "doctor_checks.h"

/* What the extension says of jobs, of runs that wait, and of alarms. */
extern void doctor_check_scheduler(Doctor *doctor, Connection *connection,
								   const ConnectionTarget *target);

#endif /* NEX_DOCTOR_SCHEDULER_H */
