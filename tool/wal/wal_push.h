/*-------------------------------------------------------------------------
 *
 * wal_push.h
 *	  Storing a WAL file of a server in the archive (archive_command).
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_WAL_PUSH_H
#define NEX_WAL_PUSH_H

#include "wal_load.h"
#include "wal_system.h"

typedef struct WalPush
{
	Repository *repository;
	const char *path;           /* of the file */
	uint64_t system_identifier; /* that somebody has named; 0: that of the data directory */
	int level;                  /* of zstd */
	bool names_later;           /* wal_push_keep_names() makes the names durable */
} WalPush;

/* What has become of it. */
typedef struct WalPushed
{
	bool was_there; /* the same content was stored already, and nothing was written */
	WalFile file;
} WalPushed;

/* True if it is stored, durably.  False (reported) otherwise; then it must be pushed again. */
extern bool wal_push(const WalPush *push, WalPushed *pushed);

/* The same of a file that was loaded; path and system_identifier are in that. */
extern bool wal_push_loaded(const WalPush *push, WalLoaded *loaded, WalPushed *pushed);

/*
 * Make names durable of files whose content is: these are their directories in
 * the repository, each with a '/' behind it.
 */
extern bool wal_push_keep_names(Repository *repository, char *const *directories, size_t count);

#endif /* NEX_WAL_PUSH_H */
