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

#include "archive_reader.h"
#include "log.h"
#include "member_reader.h"
#include "memory.h"
#include "sql_name.h"

#define LINE_DIGITS 72
#define MARK_LENGTH 3 /* "-- " */

/*
 * The highest id that an archive may have.  pg_dump counts all objects of the
 * database, also those that it does not dump; pg_restore allocates eight bytes
 * for each number up to the highest.
 */
#define IDS_AT_LEAST (16 * 1024 * 1024)
#define IDS_PER_BYTE 64

static const char implausible_id[] = "has an entry with a number that pg_dump would not give it";

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

/* A copy; of no text, the empty one. */
static char *
copy_text(const ArchiveText *text)
{
	char *copy = xmalloc(text->length + 1);

	if (text->length > 0)
		memcpy(copy, text->text, text->length);
	copy[text->length] = '\0';
	return copy;
}

static unsigned long
read_number(const ArchiveText *text)
{
	char *digits = copy_text(text);
	unsigned long number = strtoul(digits, NULL, 10);

	free(digits);
	return number;
}

/* The reader is past the item then. */
static void
read_dependencies(ArchiveReader reader, const ArchiveItem *item, TocEntry *entry)
{
	ArchiveText text;

	reader.at = item->dependencies;
	while ((text = archive_read_text(&reader)).text != NULL)
	{
		entry->depends_on =
			xrealloc(entry->depends_on, ((size_t) entry->ndepends_on + 1) * sizeof(int));
		entry->depends_on[entry->ndepends_on++] = (int) read_number(&text);
	}
}

static void
read_entry(ArchiveReader *reader, TocEntry *entry)
{
	ArchiveItem item;

	archive_read_item(reader, &item);
	entry->id = item.id;
	entry->catalog = (uint32_t) read_number(&item.catalog);
	entry->oid = (uint32_t) read_number(&item.oid);
	entry->tag = copy_text(&item.tag);
	entry->kind = copy_text(&item.kind);
	entry->section = (TocSection) item.section;
	entry->definition = copy_text(&item.definition);
	entry->drop = copy_text(&item.drop);
	entry->schema = copy_text(&item.schema);
	entry->tablespace = copy_text(&item.tablespace);
	entry->owner = copy_text(&item.owner);
	if (!reader->fault)
		read_dependencies(*reader, &item, entry);
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
	ArchiveReader reader;
	const char *problem;
	int64_t count;

	memset(toc, 0, sizeof(*toc));
	problem = archive_reader_open(&reader, archive, length, &count);
	if (problem != NULL)
		return problem;
	toc->entries = xcalloc((size_t) count + 1, sizeof(TocEntry));
	while (toc->count < (uint32_t) count && !reader.fault)
		read_entry(&reader, &toc->entries[toc->count++]);
	return reader.fault ? "is damaged" : finish(toc, length);
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
		free(entry->goes_with);
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

void
toc_entry_depend(TocEntry *entry, const TocEntry *need)
{
	int d;

	for (d = 0; d < entry->ndepends_on; d++)
	{
		if (entry->depends_on[d] == need->id)
			return;
	}
	entry->depends_on =
		xrealloc(entry->depends_on, ((size_t) entry->ndepends_on + 1) * sizeof(int));
	entry->depends_on[entry->ndepends_on++] = need->id;
}

char *
toc_entry_label(const TocEntry *entry)
{
	Buffer label;

	buffer_init(&label);
	/* "CAST (s.a AS s.b)" has the kind in its tag. */
	if (!toc_entry_is(entry, "CAST"))
		buffer_printf(&label, "%s ", entry->kind);
	if (entry->schema[0] != '\0')
		buffer_printf(&label, "%s.", entry->schema);
	buffer_append_string(&label, entry->tag);
	return buffer_detach(&label);
}
