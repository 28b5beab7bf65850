/*-------------------------------------------------------------------------
 *
 * doctor_notify.h
 *	  Checks of the notifications.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_DOCTOR_NOTIFY_H
#define NEX_DOCTOR_NOTIFY_H

#include "doctor_checks.h"

/* Channels of the notifications, and messages that did not arrive. */
extern void doctor_check_notify(Doctor *doctor);

#endif /* NEX_DOCTOR_NOTIFY_H */
