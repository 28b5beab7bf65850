/*-------------------------------------------------------------------------
 *
 * doctor.h
 *	  What the checks of "nex_backup doctor" share.
 *
 * cli_doctor.c looks at the repository and calls the others: encryption,
 * notifications, leftovers of killed processes, the server, and the scheduler
 * there.  Each adds lines here; the exit code is made of what they count.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_DOCTOR_H
#define NEX_DOCTOR_H

#include <jansson.h>
#include <stdbool.h>

#include "backup_name.h"
#include "connection.h"
#include "repository.h"
#include "target.h"

typedef struct Settings Settings;

typedef enum CheckStatus
{
	CHECK_OK,
	CHECK_WARNING,
	CHECK_CRITICAL
} CheckStatus;

typedef struct Doctor
{
	const Settings *settings;
	Repository *repository; /* NULL if it could not be opened */
	json_t *checks;         /* NULL: lines on stdout */
	int warnings;
	int critical;
	bool damage;          /* a file is not as it was written */
	bool manifest_damage; /* a manifest is not */
	bool alarms_wait;     /* the scheduler has alarms that nobody was told of */
} Doctor;

/* Say the result of one check; hint (may be NULL) is what to do about it. */
extern void doctor_say(Doctor *doctor, CheckStatus status, const char *name, const char *hint,
					   const char *format, ...) __attribute__((format(printf, 5, 6)));

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

#endif /* NEX_DOCTOR_H */
