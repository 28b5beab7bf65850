/*-------------------------------------------------------------------------
 *
 * wal_push.h
 *	  Storing a WAL file of a server in the archive (archive_command).
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_WAL_PUSH_H
#define NEX_WAL_PUSH_H

#include "wal_system.h"

typedef struct WalPush
{
	Repository *repository;
	const char *path;           /* of the file */
	uint64_t system_identifier; /* that somebody has named; 0: that of the data directory */
	int level;                  /* of zstd */
} WalPush;

/* What has become of it. */
typedef struct WalPushed
{
	bool was_there; /* the same content was stored already, and nothing was written */
	WalFile file;
} WalPushed;

/* True if it is stored, durably.  False (reported) otherwise; then it must be pushed again. */
extern bool wal_push(const WalPush *push, WalPushed *pushed);

#endif /* NEX_WAL_PUSH_H */
