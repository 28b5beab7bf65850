/*-------------------------------------------------------------------------
 *
 * doctor_server.h
 *	  Checks of the server.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_DOCTOR_SERVER_H
#define NEX_DOCTOR_SERVER_H

#include "doctor_checks.h"

/* Connection, versions, client programs, extension, leftover databases. */
extern void doctor_check_server(Doctor *doctor);

#endif /* NEX_DOCTOR_SERVER_H */
