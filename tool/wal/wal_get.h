/*-------------------------------------------------------------------------
 *
 * wal_get.h
 *	  Giving a WAL file back to a server that recovers (restore_command).
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_WAL_GET_H
#define NEX_WAL_GET_H

#include "wal_system.h"

typedef struct WalGet
{
	Repository *repository;
	const char *name;           /* of the file that is wanted */
	const char *path;           /* where to put it */
	uint64_t system_identifier; /* that somebody has named; 0: that of the data directory */
} WalGet;

typedef enum WalAnswer
{
	WAL_GIVEN,
	WAL_BEYOND_END, /* proved: nothing in the archive comes after it */
	WAL_FAILED      /* reported; nothing may be concluded */
} WalAnswer;

extern WalAnswer wal_get(const WalGet *get);

#endif /* NEX_WAL_GET_H */
