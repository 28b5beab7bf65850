/*-------------------------------------------------------------------------
 *
 * doctor.h
 *	  What is wrong with an installation, or soon will be.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_DOCTOR_H
#define NEX_DOCTOR_H

#include "finding.h"

/* Look at everything.  Nothing is printed: findings go to whoever asks. */
extern void doctor_run(const DoctorRequest *request, DoctorResult *result);

#endif /* NEX_DOCTOR_H */
