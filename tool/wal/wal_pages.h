/*-------------------------------------------------------------------------
 *
 * wal_pages.h
 *	  What a WAL segment says of itself in the headers of its pages.
 *
 * A server that is given a segment of the right length whose pages are not
 * what it expects takes that for the end of the WAL, and is promoted.  So they
 * are looked at before a segment is stored, and before it is handed over.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_WAL_PAGES_H
#define NEX_WAL_PAGES_H

#include "wal_name.h"

/* The header of a segment. */
typedef struct WalHead
{
	int major; /* of PostgreSQL, 15 */
	uint16_t magic;
	uint32_t timeline; /* of the first page: in the first segment of a timeline, an older one */
	uint64_t address;
	uint64_t system_identifier;
	uint32_t segment_size;
	uint32_t block_size;
} WalHead;

/* Read it.  NULL when good, else what is wrong, to be put behind the name of the file. */
extern const char *wal_head_read(const char *data, size_t length, WalHead *head);

/*
 * Is this a segment of this name, whole?  Of a partial one, only its first page
 * is looked at: behind the end of a timeline is what was there before.  NULL when
 * good, else what is wrong, to be freed; *head is what it says of itself.
 */
extern char *wal_pages_check(const WalName *name, const char *data, size_t length, WalHead *head);

#endif /* NEX_WAL_PAGES_H */
