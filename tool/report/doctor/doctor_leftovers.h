/*-------------------------------------------------------------------------
 *
 * doctor_leftovers.h
 *	  Checks for what killed processes left.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_DOCTOR_LEFTOVERS_H
#define NEX_DOCTOR_LEFTOVERS_H

#include "doctor_checks.h"

/* What killed processes left in the temporary directory and the state directory. */
extern void doctor_check_temporary_files(Doctor *doctor);

/* The same beside the configuration files that the latest backup of each set holds. */
extern void doctor_check_restored_files(Doctor *doctor, const BackupName *names, int count);

#endif /* NEX_DOCTOR_LEFTOVERS_H */
