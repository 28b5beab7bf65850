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

#include "manifest.h"

typedef struct WalPosition
{
	bool known;
	bool standby; /* it may have been behind its primary */
	int history;  /* grows whenever a person says that it is the same server all the same */
	char server[24];
	long long timeline; /* 0: unknown */
	uint64_t lsn;
} WalPosition;

/* "1F/A0000028" */
#define WAL_POSITION_SIZE 20
extern bool wal_lsn_parse(const char *text, uint64_t *lsn);
extern void wal_lsn_print(uint64_t lsn, char text[WAL_POSITION_SIZE]);

extern void wal_position_of(const ManifestServer *server, WalPosition *position);

/*
 * Order of two positions of one server: -1, 1, or 0 if they are equal or not
 * known.  A timeline begins when a server is promoted or recovered, with a
 * number that is greater than all before it.  A server that is set back, or
 * goes on after a copy of it was promoted, comes to positions that were there
 * before; a person has to confirm that, which begins another history.
 */
extern int wal_position_compare(const WalPosition *a, const WalPosition *b);

/*
 * Does a server that is at `now` lack what was there at `then`, or may it?  A new timeline that
 * begins before that is of a copy, or of a standby that was promoted though it was behind.
 */
extern bool wal_position_lacks(const WalPosition *now, const WalPosition *then);

#endif /* NEX_WAL_POSITION_H */
