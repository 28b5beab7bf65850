/*-------------------------------------------------------------------------
 *
 * wal_name.h
 *	  Names of WAL files, as PostgreSQL gives them, and of the files that hold
 *	  them in a repository (docs/format.md, section 15).
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_WAL_NAME_H
#define NEX_WAL_NAME_H

#include <stdbool.h>
#include <stdint.h>

#include "cipher.h"
#include "digest.h"

/* Where all of it lies. */
#define WAL_TREE "wal"

typedef enum WalKind
{
	WAL_SEGMENT,     /* 000000010000000A000000FF */
	WAL_PARTIAL,     /* the same and ".partial": the last one of a timeline, at a promotion */
	WAL_HISTORY,     /* 00000002.history */
	WAL_BACKUP_LABEL /* 000000010000000A000000FF.00000028.backup */
} WalKind;

/* "000000010000000A000000FF.00000028.backup" */
#define WAL_NAME_SIZE 41

typedef struct WalName
{
	WalKind kind;
	char text[WAL_NAME_SIZE];
	uint32_t timeline;
	uint32_t log; /* its segment: the upper half of an LSN, and which one there */
	uint32_t segment;
} WalName;

/* The beginning of the digest of what is in a file: HMAC in an encrypted repository. */
#define WAL_CONTENT_DIGITS 16

typedef char WalContent[WAL_CONTENT_DIGITS + 1];

/* A file in the repository, as its name has it. */
typedef struct WalFile
{
	WalName name;
	DigestHex sha256; /* of the bytes that are stored */
	WalContent content;
	Cipher cipher;
	uint64_t bytes;
	double age; /* as in StoreEntry, if it was listed */
} WalFile;

/* "1F/A0000028" */
#define WAL_LSN_SIZE 20

/* False if PostgreSQL archives no file of this name. */
extern bool wal_name_parse(const char *text, WalName *name);

/* So many bytes can a segment have: a power of two from 1 MiB to 1 GiB. */
extern bool wal_segment_size_valid(uint64_t size);

/* Segments of one size are numbered through; false if that size has no segment of this name. */
extern bool wal_segment_number(const WalName *name, uint32_t size, uint64_t *number);
extern void wal_segment_name(uint32_t timeline, uint64_t number, uint32_t size, WalName *name);

/* The order of two segments of one timeline. */
extern int wal_segment_compare(const WalName *a, const WalName *b);

extern void wal_lsn_text(uint64_t lsn, char text[WAL_LSN_SIZE]);

/* "wal/64f0c8e1a2b3c4d5", and the directory in it that a file lies in; caller frees. */
extern char *wal_system_path(uint64_t system_identifier);
extern char *wal_directory(uint64_t system_identifier, const WalName *name);

/* "64f0c8e1a2b3c4d5"; false if it is none. */
extern bool wal_system_parse(const char *text, uint64_t *system_identifier);

/* "000000010000000A000000FF-SHA256-CONTENT.zst.age", without directory; caller frees. */
extern char *wal_file_name(const WalFile *file);
extern bool wal_file_parse(const char *text, WalFile *file);

#endif /* NEX_WAL_NAME_H */
