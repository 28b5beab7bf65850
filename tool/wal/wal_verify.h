/*-------------------------------------------------------------------------
 *
 * wal_verify.h
 *	  Is the WAL in the archive as it was pushed?
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_WAL_VERIFY_H
#define NEX_WAL_VERIFY_H

#include "verify_level.h"
#include "wal_inventory.h"

typedef struct WalBad
{
	char *file; /* its path in the repository */
	char *problem;
	bool unreadable; /* it could not be looked at, which is no damage */
} WalBad;

typedef struct WalVerified
{
	size_t read; /* files whose content was looked at */
	uint64_t bytes;
	WalBad *bad;
	size_t nbad;
	size_t nunreadable; /* of them */
} WalVerified;

/*
 * Read what the level asks for; percent as in verify_level_parse().  The levels
 * present and stored need no key.  False if work must stop.
 */
extern bool wal_verify(const WalInventory *inventory, VerifyLevel level, int percent,
					   WalVerified *verified);
extern void wal_verified_free(WalVerified *verified);

#endif /* NEX_WAL_VERIFY_H */
