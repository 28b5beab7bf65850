/*-------------------------------------------------------------------------
 *
 * archive_toc.c
 *	  Parsing the table of contents of pg_dump's custom archive.
 *
 * pg_restore --list would be the obvious source, but it mangles names, runs
 * schema, tag and owner together, and hides the statement that identifies a
 * function.  A selection by name must not guess.  The layout is the one of
 * archive versions 1.14 to 1.16 (pg_dump 12 to 18); any other is refused.
 * The content comes from a member whose digest was checked, but nothing here
 * relies on that: every length is held against what is left.
 *
 *-------------------------------------------------------------------------
 */
#include "archive_toc.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "member_reader.h"
#include "memory.h"
#include "sql_name.h"

#define LINE_DIGITS 72
#define MARK_LENGTH 3 /* "-- " */
#define FORMAT_CUSTOM 1
#define OLDEST_MINOR 14
#define NEWEST_MINOR 16

/*
 * The highest id that an archive may have.  pg_dump counts all objects of the
 * database, also those that it does not dump; pg_restore allocates eight bytes
 * for each number up to the highest.
 */
#define IDS_AT_LEAST (16 * 1024 * 1024)
#define IDS_PER_BYTE 64

static const char implausible_id[] = "has an entry with a number that pg_dump would not give it";

/* Where the reading stands.  After a fault all further reading gives nothing. */
typedef struct Cursor
{
	const unsigned char *at;
	const unsigned char *end;
	int integer_bytes;
	int offset_bytes;
	int minor;
	bool fault;
} Cursor;

/* Take the base64 out of the comment lines; binary may overwrite text from its start. */
bool
archive_decode(Buffer *text, size_t *length)
{
	unsigned char bytes[LINE_DIGITS];
	char *line = text->data;
	char *out = text->data;

	while (*line != '\0')
	{
		char *end = strchr(line, '\n');
		size_t digits = end != NULL ? (size_t) (end - line) : strlen(line);
		int decoded;

		digits -= digits >= MARK_LENGTH ? MARK_LENGTH : digits;
		if (digits > 0 && digits <= LINE_DIGITS && digits % 4 == 0 &&
			memchr(line + MARK_LENGTH, ' ', digits) == NULL)
		{
			decoded =
				EVP_DecodeBlock(bytes, (const unsigned char *) line + MARK_LENGTH, (int) digits);
			if (decoded < 0)
				return false;
			decoded -= line[MARK_LENGTH + digits - 1] == '=';
			decoded -= line[MARK_LENGTH + digits - 2] == '=';
			memcpy(out, bytes, (size_t) decoded);
			out += decoded;
		}
		line = end != NULL ? end + 1 : line + strlen(line);
	}
	*length = (size_t) (out - text->data);
	return *length > 5 && memcmp(text->data, "PGDMP", 5) == 0;
}

static int
read_byte(Cursor *cursor)
{
	if (cursor->fault || cursor->at == cursor->end)
	{
		cursor->fault = true;
		return 0;
	}
	return *cursor->at++;
}

/* A sign, then the bytes of the number, lowest first. */
static int64_t
read_integer(Cursor *cursor)
{
	bool negative = read_byte(cursor) != 0;
	uint64_t value = 0;
	int i;

	for (i = 0; i < cursor->integer_bytes; i++)
	{
		uint64_t byte = (uint64_t) read_byte(cursor);

		if (i < 4)
			value |= byte << (8 * i);
	}
	return negative ? -(int64_t) value : (int64_t) value;
}

/* A length and its bytes; NULL where there is no text at all. */
static char *
read_text(Cursor *cursor)
{
	int64_t length = read_integer(cursor);
	char *text;

	if (cursor->fault || length < 0)
		return NULL;
	if (length > cursor->end - cursor->at)
	{
		cursor->fault = true;
		return NULL;
	}
	text = xmalloc((size_t) length + 1);
	memcpy(text, cursor->at, (size_t) length);
	text[length] = '\0';
	cursor->at += length;
	return text;
}

static char *
read_text_or_empty(Cursor *cursor)
{
	char *text = read_text(cursor);

	return text != NULL ? text : xstrdup("");
}

static void
skip_text(Cursor *cursor)
{
	free(read_text(cursor));
}

static uint32_t
read_oid(Cursor *cursor)
{
	char *digits = read_text_or_empty(cursor);
	uint32_t oid = (uint32_t) strtoul(digits, NULL, 10);

	free(digits);
	return oid;
}

static void
read_dependencies(Cursor *cursor, TocEntry *entry)
{
	char *digits;

	while ((digits = read_text(cursor)) != NULL)
	{
		entry->depends_on =
			xrealloc(entry->depends_on, ((size_t) entry->ndepends_on + 1) * sizeof(int));
		entry->depends_on[entry->ndepends_on++] = (int) strtol(digits, NULL, 10);
		free(digits);
	}
}

static void
read_entry(Cursor *cursor, TocEntry *entry)
{
	int i;

	entry->id = (int) read_integer(cursor);
	read_integer(cursor); /* has data */
	entry->catalog = read_oid(cursor);
	entry->oid = read_oid(cursor);
	entry->tag = read_text_or_empty(cursor);
	entry->kind = read_text_or_empty(cursor);
	entry->section = (TocSection) read_integer(cursor);
	entry->definition = read_text_or_empty(cursor);
	entry->drop = read_text_or_empty(cursor);
	skip_text(cursor); /* COPY statement */
	entry->schema = read_text_or_empty(cursor);
	entry->tablespace = read_text_or_empty(cursor);
	skip_text(cursor); /* table access method */
	if (cursor->minor >= 16)
		read_integer(cursor); /* relkind */
	entry->owner = read_text_or_empty(cursor);
	skip_text(cursor); /* with oids */
	read_dependencies(cursor, entry);
	read_byte(cursor); /* state of the data's offset */
	for (i = 0; i < cursor->offset_bytes; i++)
		read_byte(cursor);
}

/* Everything before the first entry; NULL, or what is wrong. */
static const char *
read_head(Cursor *cursor, int64_t *count)
{
	int major;
	int i;

	cursor->at += 5; /* PGDMP */
	major = read_byte(cursor);
	cursor->minor = read_byte(cursor);
	read_byte(cursor); /* revision */
	cursor->integer_bytes = read_byte(cursor);
	cursor->offset_bytes = read_byte(cursor);
	if (cursor->fault || major != 1 || cursor->minor < OLDEST_MINOR ||
		cursor->minor > NEWEST_MINOR || read_byte(cursor) != FORMAT_CUSTOM)
		return "is of an unknown version";
	if (cursor->minor >= 15)
		read_byte(cursor); /* compression */
	else
		read_integer(cursor);
	for (i = 0; i < 7; i++)
		read_integer(cursor); /* time of creation */
	for (i = 0; i < 3; i++)
		skip_text(cursor); /* database, versions of server and pg_dump */
	*count = read_integer(cursor);

	/* No entry is shorter than its integers. */
	if (cursor->fault || *count < 0 || *count > (cursor->end - cursor->at) / 16)
		return "is damaged";
	return NULL;
}

static int
compare_ids(const void *a, const void *b)
{
	const TocEntry *x = *(TocEntry *const *) a;
	const TocEntry *y = *(TocEntry *const *) b;

	return x->id < y->id ? -1 : x->id > y->id;
}

static const char *
sort_by_id(ArchiveToc *toc)
{
	uint32_t i;

	toc->by_id = xcalloc((size_t) toc->count + 1, sizeof(TocEntry *));
	for (i = 0; i < toc->count; i++)
		toc->by_id[i] = &toc->entries[i];
	qsort(toc->by_id, toc->count, sizeof(TocEntry *), compare_ids);
	for (i = 1; i < toc->count; i++)
	{
		if (toc->by_id[i]->id == toc->by_id[i - 1]->id)
			return "is damaged";
	}
	return NULL;
}

/* Give comments and grants the section of what stands before them, and index by id. */
static const char *
finish(ArchiveToc *toc, size_t length)
{
	TocSection section = TOC_PRE_DATA;
	uint32_t i;

	for (i = 0; i < toc->count; i++)
	{
		TocEntry *entry = &toc->entries[i];

		entry->place = i;
		if (entry->id <= 0)
			return "is damaged";
		if ((size_t) entry->id > IDS_AT_LEAST + IDS_PER_BYTE * length)
			return implausible_id;
		if (entry->section == TOC_NONE)
			entry->section = section;
		section = entry->section;
	}
	return sort_by_id(toc);
}

const char *
archive_toc_parse(const char *archive, size_t length, ArchiveToc *toc)
{
	const unsigned char *bytes = (const unsigned char *) archive;
	Cursor cursor = {bytes, bytes + length, 4, 8, 0, false};
	const char *problem;
	int64_t count;

	memset(toc, 0, sizeof(*toc));
	if (length < 5 || memcmp(archive, "PGDMP", 5) != 0)
		return "is no archive of pg_dump";
	problem = read_head(&cursor, &count);
	if (problem != NULL)
		return problem;
	toc->entries = xcalloc((size_t) count + 1, sizeof(TocEntry));
	while (toc->count < (uint32_t) count && !cursor.fault)
		read_entry(&cursor, &toc->entries[toc->count++]);
	return cursor.fault ? "is damaged" : finish(toc, length);
}

const char *
archive_toc_check_ids(const char *archive, size_t length)
{
	ArchiveToc toc;
	const char *problem = archive_toc_parse(archive, length, &toc);

	archive_toc_free(&toc);
	return problem == implausible_id ? problem : NULL;
}

bool
archive_toc_load(Repository *repository, const Manifest *manifest, ArchiveToc *toc)
{
	MemberReader reader;
	const char *problem = NULL;
	bool found = false;
	size_t length = 0;
	bool good;

	memset(toc, 0, sizeof(*toc));
	good = member_reader_open(&reader, repository, manifest) &&
		   member_reader_read_kind(&reader, MEMBER_ARCHIVE, &found);
	if (good && (!found || !archive_decode(&reader.raw, &length)))
		problem = "is missing";
	else if (good)
		problem = archive_toc_parse(reader.raw.data, length, toc);
	member_reader_close(&reader);
	if (problem != NULL)
		good = report_error(EXIT_INTEGRITY, NULL,
							"A restore of the whole backup does not need what is in it.",
							"the schema archive of the backup %s", problem);
	return good;
}

void
archive_toc_free(ArchiveToc *toc)
{
	uint32_t i;

	for (i = 0; i < toc->count; i++)
	{
		TocEntry *entry = &toc->entries[i];

		free(entry->tag);
		free(entry->kind);
		free(entry->definition);
		free(entry->drop);
		free(entry->schema);
		free(entry->owner);
		free(entry->tablespace);
		free(entry->depends_on);
	}
	free(toc->entries);
	free(toc->by_id);
	memset(toc, 0, sizeof(*toc));
}

const TocEntry *
archive_toc_find(const ArchiveToc *toc, int id)
{
	TocEntry wanted = {.id = id};
	const TocEntry *key = &wanted;
	TocEntry **found = NULL;

	if (toc->by_id != NULL)
		found = bsearch(&key, toc->by_id, toc->count, sizeof(TocEntry *), compare_ids);
	return found != NULL ? *found : NULL;
}

bool
toc_entry_is(const TocEntry *entry, const char *kind)
{
	return strcmp(entry->kind, kind) == 0;
}

bool
toc_entry_is_any(const TocEntry *entry, const char *const *kinds)
{
	for (; *kinds != NULL; kinds++)
	{
		if (strcmp(entry->kind, *kinds) == 0)
			return true;
	}
	return false;
}

const char *
toc_entry_after_name(const TocEntry *entry, const char *prefix)
{
	char *schema = NULL;
	char *name = NULL;
	const char *end = NULL;

	if (entry->definition != NULL && strncmp(entry->definition, prefix, strlen(prefix)) == 0)
		end = sql_name_read_qualified(entry->definition + strlen(prefix), &schema, &name);
	free(schema);
	free(name);
	return end;
}

bool
toc_entry_is_relation(const TocEntry *entry)
{
	static const char *const kinds[] = {"TABLE",         "VIEW",     "MATERIALIZED VIEW",
										"FOREIGN TABLE", "SEQUENCE", NULL};

	return toc_entry_is_any(entry, kinds);
}

bool
toc_entry_is_table(const TocEntry *entry)
{
	return toc_entry_is(entry, "TABLE") || toc_entry_is(entry, "FOREIGN TABLE");
}

char *
toc_entry_label(const TocEntry *entry)
{
	Buffer label;

	buffer_init(&label);
	buffer_append_string(&label, entry->kind);
	buffer_append_char(&label, ' ');
	if (entry->schema[0] != '\0')
		buffer_printf(&label, "%s.", entry->schema);
	buffer_append_string(&label, entry->tag);
	return buffer_detach(&label);
}
