/*-------------------------------------------------------------------------
 *
 * wal_pack.h
 *	  WAL files as they are stored: record, compressed content, encryption.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_WAL_PACK_H
#define NEX_WAL_PACK_H

#include "buffer.h"
#include "store_result.h"
#include "wal_record.h"

/* More is no WAL file: PostgreSQL's largest segment. */
#define WAL_MAX_BYTES (1024 * 1024 * 1024)

/* Name content: by its digest, which is known, or by the writer's key in an encrypted repository.
 */
extern bool wal_name_content(const Repository *repository, const char *data, size_t length,
							 const DigestHex sha256, WalContent content);

/* Compress content.  It was decompressed again, and is equal; false (reported) otherwise. */
extern bool wal_compress(const char *data, size_t length, int level, Buffer *out);

/*
 * Make the file of some content, whose record is complete, and give it its
 * name in *file.  False (reported) if that fails.
 */
extern bool wal_pack(const Repository *repository, const WalRecord *record,
					 const Buffer *compressed, Buffer *stored, WalFile *file);

typedef enum WalVerdict
{
	WAL_GOOD,
	WAL_DAMAGED,   /* it is not as it was written */
	WAL_UNREADABLE /* it could not be looked at, or there is no key: nothing is known of it */
} WalVerdict;

/* What was read of a file, as far as the verdict goes. */
typedef struct WalContentRead
{
	WalRecord record;
	Buffer data;
	char *problem;    /* what is wrong, to be put behind its name; NULL: nothing */
	const char *hint; /* what helps, or NULL */
} WalContentRead;

/* Read a file of a directory of the repository, and see that it is what its name says. */
extern WalVerdict wal_unpack(const Repository *repository, uint64_t system_identifier,
							 const char *directory, const WalFile *file, WalContentRead *content);

/* Only whether its bytes are those that its name says: without any key. */
extern WalVerdict wal_check_stored(const Repository *repository, const char *directory,
								   const WalFile *file, Buffer *stored, char **problem,
								   const char **hint);
extern void wal_content_free(WalContentRead *content);

#endif /* NEX_WAL_PACK_H */
