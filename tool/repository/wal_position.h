/*-------------------------------------------------------------------------
 *
 * wal_position.h
 *	  Where a server was in its history when a backup was made.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_WAL_POSITION_H
#define NEX_WAL_POSITION_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "manifest.h"

typedef struct WalPosition
{
	bool known;
	bool standby; /* it may have been behind its primary */
	time_t since; /* a person said then that it is the same server; 0: never */
	char server[24];
	long long timeline; /* 0: unknown */
	uint64_t lsn;
} WalPosition;

extern void wal_position_of(const ManifestServer *server, WalPosition *position);

/*
 * Order of two positions of one server: -1, 1, or 0 if they are equal or not
 * known.  A timeline begins when a server is promoted or recovered, with a
 * number that is greater than all before it.
 */
extern int wal_position_compare(const WalPosition *a, const WalPosition *b);

#endif /* NEX_WAL_POSITION_H */
