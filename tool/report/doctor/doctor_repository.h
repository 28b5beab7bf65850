/*-------------------------------------------------------------------------
 *
 * doctor_repository.h
 *	  Checks of the repository.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_DOCTOR_REPOSITORY_H
#define NEX_DOCTOR_REPOSITORY_H

#include "doctor_checks.h"

/* The repository: header, permissions, backups, room, leftovers. */
extern void doctor_check_repository(Doctor *doctor);

#endif /* NEX_DOCTOR_REPOSITORY_H */
