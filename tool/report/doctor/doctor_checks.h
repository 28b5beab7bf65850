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

/* The repository: header, permissions, backups, room, leftovers. */
extern void doctor_check_repository(Doctor *doctor);

/* Connection, versions, client programs, extension, leftover databases. */
extern void doctor_check_server(Doctor *doctor);

/* What the extension says of jobs, of runs that wait, and of alarms. */
extern void doctor_check_scheduler(Doctor *doctor, Connection *connection,
								   const ConnectionTarget *target);

/* Cipher, recipients, signer, and what this host can do with them. */
extern void doctor_check_encryption(Doctor *doctor);

/* Channels of the notifications, and messages that did not arrive. */
extern void doctor_check_notify(Doctor *doctor);

/* What killed processes left in the temporary directory and the state directory. */
extern void doctor_check_temporary_files(Doctor *doctor);

/* The same beside the configuration files that the latest backup of each set holds. */
extern void doctor_check_restored_files(Doctor *doctor, const BackupName *names, int count);

#endif /* NEX_DOCTOR_CHECKS_H */
