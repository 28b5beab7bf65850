/*-------------------------------------------------------------------------
 *
 * archive_reader.c
 *	  Reading the entries of pg_dump's custom archive, in place.
 *
 * The layout is the one of archive versions 1.14 to 1.16 (pg_dump 12 to 18);
 * any other is refused.  Nothing is believed: every length is held against
 * what is left.
 *
 *-------------------------------------------------------------------------
 */
#include "archive_reader.h"

#include <string.h>

#define MAGIC "PGDMP"
#define FORMAT_CUSTOM 1
#define OLDEST_MINOR 14
#define NEWEST_MINOR 16

static int
read_byte(ArchiveReader *reader)
{
	if (reader->fault || reader->at == reader->end)
	{
		reader->fault = true;
		return 0;
	}
	return *reader->at++;
}

/* A sign, then the bytes of the number, lowest first. */
static int64_t
read_integer(ArchiveReader *reader)
{
	bool negative = read_byte(reader) != 0;
	uint64_t value = 0;
	int i;

	for (i = 0; i < reader->integer_bytes; i++)
	{
		uint64_t byte = (uint64_t) read_byte(reader);

		if (i < 4)
			value |= byte << (8 * i);
	}
	return negative ? -(int64_t) value : (int64_t) value;
}

void
archive_write_integer(const ArchiveReader *reader, unsigned char *at, uint32_t number)
{
	int i;

	*at++ = 0;
	for (i = 0; i < reader->integer_bytes; i++)
		*at++ = i < 4 ? (unsigned char) (number >> (8 * i)) : 0;
}

ArchiveText
archive_read_text(ArchiveReader *reader)
{
	int64_t length = read_integer(reader);
	ArchiveText text = {NULL, 0};

	if (reader->fault || length < 0)
		return text;
	if (length > reader->end - reader->at)
	{
		reader->fault = true;
		return text;
	}
	text.text = (const char *) reader->at;
	text.length = (size_t) length;
	reader->at += length;
	return text;
}

bool
archive_text_is(const ArchiveText *text, const char *other)
{
	return text->text != NULL && text->length == strlen(other) &&
		   memcmp(text->text, other, text->length) == 0;
}

const char *
archive_reader_open(ArchiveReader *reader, const char *archive, size_t length, int64_t *count)
{
	int major;
	int i;

	memset(reader, 0, sizeof(*reader));
	if (length < strlen(MAGIC) || memcmp(archive, MAGIC, strlen(MAGIC)) != 0)
		return "is not an archive of pg_dump";
	reader->at = (const unsigned char *) archive + strlen(MAGIC);
	reader->end = (const unsigned char *) archive + length;
	major = read_byte(reader);
	reader->minor = read_byte(reader);
	read_byte(reader); /* revision */
	reader->integer_bytes = read_byte(reader);
	reader->offset_bytes = read_byte(reader);
	if (reader->fault || major != 1 || reader->minor < OLDEST_MINOR ||
		reader->minor > NEWEST_MINOR || read_byte(reader) != FORMAT_CUSTOM)
		return "is of an unknown version";
	if (reader->minor >= 15)
		read_byte(reader); /* compression */
	else
		read_integer(reader);
	for (i = 0; i < 7; i++)
		read_integer(reader); /* time of creation */
	for (i = 0; i < 3; i++)
		archive_read_text(reader); /* database, versions of server and pg_dump */
	reader->count_at = reader->at;
	*count = read_integer(reader);

	/* No entry is shorter than its integers. */
	if (reader->fault || *count < 0 || *count > (reader->end - reader->at) / 16)
		return "is damaged";
	return NULL;
}

void
archive_read_item(ArchiveReader *reader, ArchiveItem *item)
{
	int i;

	memset(item, 0, sizeof(*item));
	item->from = reader->at;
	item->id = (int) read_integer(reader);
	read_integer(reader); /* has data */
	item->catalog = archive_read_text(reader);
	item->oid = archive_read_text(reader);
	item->tag = archive_read_text(reader);
	item->kind = archive_read_text(reader);
	item->section = (int) read_integer(reader);
	item->definition = archive_read_text(reader);
	item->drop = archive_read_text(reader);
	archive_read_text(reader); /* COPY statement */
	item->schema = archive_read_text(reader);
	item->tablespace = archive_read_text(reader);
	archive_read_text(reader); /* table access method */
	if (reader->minor >= 16)
		read_integer(reader); /* relkind */
	item->owner = archive_read_text(reader);
	archive_read_text(reader); /* with oids */
	item->dependencies = reader->at;
	while (archive_read_text(reader).text != NULL)
		continue;
	read_byte(reader); /* state of the data's offset */
	for (i = 0; i < reader->offset_bytes; i++)
		read_byte(reader);
	item->to = reader->at;
}
