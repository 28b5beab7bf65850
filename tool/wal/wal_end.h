/*-------------------------------------------------------------------------
 *
 * wal_end.h
 *	  Is a WAL file that is not in the archive beyond its end, or missing?
 *
 * A server that is told that a file is not there ends its recovery and is
 * promoted, with all that was committed later lost.  So that is said only of what
 * nothing in the archive comes after.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_WAL_END_H
#define NEX_WAL_END_H

#include "wal_system.h"

typedef enum WalEnd
{
	WAL_END_BEYOND, /* nothing comes after it, on its timeline or on one that begins behind it */
	WAL_END_GAP, /* something does, so it is missing, or was not there yet when it was looked for */
	WAL_END_UNKNOWN /* that could not be found out (reported) */
} WalEnd;

/* Of a segment, or a history file; *later (caller frees) is what comes after it. */
extern WalEnd wal_end_look(const WalSystem *system, const WalName *name, char **later);

#endif /* NEX_WAL_END_H */
