/*-------------------------------------------------------------------------
 *
 * doctor_encryption.h
 *	  Checks of an encrypted repository.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_DOCTOR_ENCRYPTION_H
#define NEX_DOCTOR_ENCRYPTION_H

#include "doctor_checks.h"

/* Cipher, recipients, signer, and what this host can do with them. */
extern void doctor_check_encryption(Doctor *doctor);

#endif /* NEX_DOCTOR_ENCRYPTION_H */
