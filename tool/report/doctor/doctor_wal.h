/*-------------------------------------------------------------------------
 *
 * doctor_wal.h
 *	  Checks of the WAL archive.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_DOCTOR_WAL_H
#define NEX_DOCTOR_WAL_H

#include "doctor_checks.h"

/* What WAL the repository has: gaps, conflicts, names that are not understood. */
extern void doctor_check_wal(Doctor *doctor);

#endif /* NEX_DOCTOR_WAL_H */
