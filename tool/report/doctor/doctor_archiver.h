/*-------------------------------------------------------------------------
 *
 * doctor_archiver.h
 *	  Whether the server archives its WAL, and to this repository.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_DOCTOR_ARCHIVER_H
#define NEX_DOCTOR_ARCHIVER_H

#include "doctor_checks.h"

extern void doctor_check_archiver(Doctor *doctor, Connection *connection);

#endif /* NEX_DOCTOR_ARCHIVER_H */
