/*-------------------------------------------------------------------------
 *
 * archive_reader.h
 *	  Reading the entries of pg_dump's custom archive, in place.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_ARCHIVE_READER_H
#define NEX_ARCHIVE_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Where the reading stands.  After a fault all further reading gives nothing. */
typedef struct ArchiveReader
{
	const unsigned char *at;
	const unsigned char *end;
	const unsigned char *count_at; /* the number of entries */
	int integer_bytes;
	int offset_bytes;
	int minor;
	bool fault;
} ArchiveReader;

/* Bytes in the archive; text NULL where there is no text at all. */
typedef struct ArchiveText
{
	const char *text;
	size_t length;
} ArchiveText;

typedef struct ArchiveItem
{
	const unsigned char *from; /* of all of it */
	const unsigned char *to;
	int id;
	int section;
	ArchiveText catalog;
	ArchiveText oid;
	ArchiveText tag;
	ArchiveText kind;
	ArchiveText definition;
	ArchiveText drop;
	ArchiveText schema;
	ArchiveText tablespace;
	ArchiveText owner;
	const unsigned char *dependencies; /* to be read with archive_read_text() */
} ArchiveItem;

/* Read everything before the first entry; NULL, or what is wrong. */
extern const char *archive_reader_open(ArchiveReader *reader, const char *archive, size_t length,
									   int64_t *count);

/* The next entry; reader->fault tells of damage. */
extern void archive_read_item(ArchiveReader *reader, ArchiveItem *item);

/* A length and its bytes. */
extern ArchiveText archive_read_text(ArchiveReader *reader);

/* Is the text this one? */
extern bool archive_text_is(const ArchiveText *text, const char *other);

/* A number as an archive has it, in place of one. */
extern void archive_write_integer(const ArchiveReader *reader, unsigned char *at, uint32_t number);

#endif /* NEX_ARCHIVE_READER_H */
