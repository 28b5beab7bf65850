/*-------------------------------------------------------------------------
 *
 * wal_needed.h
 *	  The WAL of the time of a base backup, without which its files are not
 *	  consistent: is it there, and as it was stored?
 *
 * Apart from wal_verify.h, which looks at all that is there, and cannot know
 * what should be.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_WAL_NEEDED_H
#define NEX_WAL_NEEDED_H

#include "verify.h"
#include "wal_system.h"

typedef enum WalPlace
{
	WAL_HERE,
	WAL_ELSEWHERE, /* there is nothing of this server, as in a copy, which has none */
	WAL_UNKNOWN    /* it could not be looked at (reported) */
} WalPlace;

/*
 * Look at the segments from the manifest's start to its stop, and at the history of its timeline.
 * Those that are
 * missing or, if they are read, damaged go to the report, unreported, as do those that
 * could not be read, which have been reported.  No key is needed.
 */
extern WalPlace wal_needed_check(Repository *repository, const Manifest *manifest, bool read,
								 VerifyReport *report);

#endif /* NEX_WAL_NEEDED_H */
