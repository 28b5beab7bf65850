/*-------------------------------------------------------------------------
 *
 * doctor_storage.h
 *	  Checks of the storage: what it does, and what these credentials can do
 *	  there.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_DOCTOR_STORAGE_H
#define NEX_DOCTOR_STORAGE_H

#include "doctor_checks.h"

/* What tries have shown of a bucket. */
extern void doctor_check_storage(Doctor *doctor);

/* The same for a storage that is new: what is wrong with it, as warnings. */
extern void storage_warn(Storage *storage);

#endif /* NEX_DOCTOR_STORAGE_H */
