/*-------------------------------------------------------------------------
 *
 * doctor_checks.h
 *	  What the checks of an installation share, each of which is a source.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_DOCTOR_CHECKS_H
#define NEX_DOCTOR_CHECKS_H

#include "connection.h"
#include "finding.h"
#include "target.h"

typedef struct Doctor
{
	const DoctorRequest *request;
	const Settings *settings; /* of the request, as is the repository */
	Repository *repository;   /* NULL if it could not be opened */
	bool fix;
	DoctorResult *result;
	bool manifest_damage; /* a manifest is not as it was written */
	bool alarms_wait;     /* the scheduler has alarms that nobody was told of */
} Doctor;

/* Say the result of one check; hint (may be NULL) is what to do about it. */
extern void doctor_say(Doctor *doctor, CheckStatus status, const char *name, const char *hint,
					   const char *format, ...) __attribute__((format(printf, 5, 6)));

#endif /* NEX_DOCTOR_CHECKS_H */
