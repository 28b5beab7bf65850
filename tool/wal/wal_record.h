/*-------------------------------------------------------------------------
 *
 * wal_record.h
 *	  What a stored WAL file says of itself: sealed JSON in a skippable frame
 *	  of zstd, before the frame with the content.
 *
 * So a single file can be understood without any other, and "zstd -dc" gives
 * what the server archived.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_WAL_RECORD_H
#define NEX_WAL_RECORD_H

#include "buffer.h"
#include "repository_state.h"
#include "wal_name.h"

typedef struct WalRecord
{
	WalName name;
	uint64_t system_identifier;
	uint64_t bytes;   /* of the content */
	DigestHex sha256; /* of it */
	WalContent content;
	WalContent previous; /* of the segment before, if that was there; else "" */
	int major;           /* of PostgreSQL; 0 if the content does not say */
} WalRecord;

/* Append the skippable frame, signed in an encrypted repository; false (reported) if it cannot be.
 */
extern bool wal_record_write(const Repository *repository, const WalRecord *record, Buffer *out);

/*
 * Read the one at the beginning of a file; *used is its length.  NULL when good,
 * else what is wrong, static.
 */
extern const char *wal_record_read(const Repository *repository, const char *data, size_t length,
								   WalRecord *record, size_t *used);

#endif /* NEX_WAL_RECORD_H */
