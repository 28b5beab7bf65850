/*-------------------------------------------------------------------------
 *
 * posix_result.h
 *	  What an errno value means, by what was tried.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_POSIX_RESULT_H
#define NEX_POSIX_RESULT_H

#include "store_result.h"

/* 0 is STORE_OK. */
extern StoreResult posix_read_result(int error);
extern StoreResult posix_write_result(int error);

/*
 * What fsync says: never that another try is worth it.  The kernel has dropped
 * the pages by then, and the next one would only say that all is well.
 */
extern StoreResult posix_sync_result(int error);

/* EWOULDBLOCK means that somebody else has the lock. */
extern StoreResult posix_lock_result(int error);

#endif /* NEX_POSIX_RESULT_H */
