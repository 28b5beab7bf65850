/*-------------------------------------------------------------------------
 *
 * wal_load.h
 *	  A WAL file of a server, read and looked at, before it is stored.
 *
 * Apart from storing it, since nothing here needs the repository: the helper of
 * the archiver does this for several files at the same time.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_WAL_LOAD_H
#define NEX_WAL_LOAD_H

#include "buffer.h"
#include "wal_pages.h"
#include "wal_record.h"

typedef struct WalLoaded
{
	const char *path; /* of the file; the caller's */
	WalRecord record; /* but for the digests that need the repository */
	WalHead head;     /* segment_size is 0 if it has none */
	Buffer data;
	Buffer compressed; /* by wal_load_compress(); else by whoever needs it */
} WalLoaded;

/*
 * Read a file and see that it is what its name says, of the server in whose
 * data directory it lies, or of the one that is named (0: none is).  False
 * (reported) otherwise.  To be freed in any case.
 */
extern bool wal_load(const char *path, uint64_t system_identifier, WalLoaded *loaded);

extern bool wal_load_compress(WalLoaded *loaded, int level);
extern void wal_loaded_free(WalLoaded *loaded);

#endif /* NEX_WAL_LOAD_H */
