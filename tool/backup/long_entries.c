/*-------------------------------------------------------------------------
 *
 * long_entries.c
 *	  Definitions of the schema that are too long for any server.
 *
 * pg_restore cannot print a definition of a gigabyte, and says "out of memory";
 * no server takes one, and pg_dump itself writes nothing when it would have
 * two.  But a comment of half a gigabyte of quotes has a gigabyte in SQL, and
 * options, settings of a function, and defaults of columns add up.  A backup
 * that failed for it would fail whenever the owner of one table likes.  So
 * these are left out, with a warning that names them.
 *
 *-------------------------------------------------------------------------
 */
#include "long_entries.h"

#include <stdlib.h>
#include <string.h>

#include "archive_reader.h"
#include "memory.h"
#include "quote.h"

#define HINT "HINT:  Shorten it, and make another backup.\n"

typedef struct Cutting
{
	Buffer *warnings;
	size_t longest_comment;
	size_t longest;
	int *ids; /* of what was cut */
	size_t count;
} Cutting;

static bool
is_any(const ArchiveItem *item, const char *const *kinds)
{
	for (; *kinds != NULL; kinds++)
	{
		if (archive_text_is(&item->kind, *kinds))
			return true;
	}
	return false;
}

static bool
is_comment(const ArchiveItem *item)
{
	static const char *const kinds[] = {"COMMENT", "SECURITY LABEL", NULL};

	return is_any(item, kinds);
}

/* Has pg_dump lost it?  Each of these has a definition. */
static bool
is_lost(const ArchiveItem *item)
{
	static const char *const kinds[] = {"COMMENT",  "SECURITY LABEL", "TABLE",
										"FUNCTION", "VIEW",           NULL};

	return item->definition.length == 0 && is_any(item, kinds);
}

/* Grants and comments of an object that was cut go with it. */
static bool
is_about_cut(const Cutting *cutting, ArchiveReader reader, const ArchiveItem *item)
{
	static const char *const kinds[] = {"ACL", "COMMENT", "SECURITY LABEL", NULL};
	ArchiveText text;
	size_t i;

	if (cutting->count == 0 || !is_any(item, kinds))
		return false;
	reader.at = item->dependencies;
	while ((text = archive_read_text(&reader)).text != NULL)
	{
		char *digits = xasprintf("%.*s", (int) text.length, text.text);
		int id = (int) strtol(digits, NULL, 10);

		free(digits);
		for (i = 0; i < cutting->count; i++)
		{
			if (cutting->ids[i] == id)
				return true;
		}
	}
	return false;
}

/* "COMMENT joe.TABLE t" */
static char *
label_of(const ArchiveItem *item)
{
	bool has_schema = item->schema.length > 0;
	char *label = xasprintf("%.*s %.*s%s%.*s", (int) item->kind.length, item->kind.text,
							has_schema ? (int) item->schema.length : 0,
							has_schema ? item->schema.text : "", has_schema ? "." : "",
							(int) item->tag.length, item->tag.text != NULL ? item->tag.text : "");
	char *shown = printable_name(label);

	free(label);
	return shown;
}

static void
note(Cutting *cutting, const ArchiveItem *item)
{
	char *label = label_of(item);

	if (item->definition.length == 0)
		buffer_printf(cutting->warnings,
					  "WARNING:  %s is not in the backup: pg_dump wrote no definition, as of one "
					  "of more than 2 GB\n" HINT,
					  label);
	else
		buffer_printf(cutting->warnings,
					  "WARNING:  %s has %zu MB of SQL and is left out of the backup\n" HINT, label,
					  item->definition.length / (1024 * 1024));
	free(label);
}

/* Is the item to go? */
static bool
judge(Cutting *cutting, const ArchiveReader *reader, const ArchiveItem *item)
{
	size_t longest = is_comment(item) ? cutting->longest_comment : cutting->longest;

	if (is_lost(item))
		note(cutting, item);
	if (is_about_cut(cutting, *reader, item))
		return true;
	if (item->definition.length <= longest)
		return false;
	note(cutting, item);
	cutting->ids = xrealloc(cutting->ids, (cutting->count + 1) * sizeof(int));
	cutting->ids[cutting->count++] = item->id;
	return true;
}

bool
long_entries_cut(Buffer *archive, size_t longest_comment, size_t longest, Buffer *warnings)
{
	Cutting cutting = {warnings, longest_comment, longest, NULL, 0};
	ArchiveReader reader;
	ArchiveItem item;
	int64_t count;
	int64_t kept = 0;
	unsigned char *to;
	int64_t i;

	if (archive_reader_open(&reader, archive->data, archive->length, &count) != NULL)
		return false;
	to = (unsigned char *) archive->data + (reader.at - (unsigned char *) archive->data);
	for (i = 0; i < count; i++)
	{
		archive_read_item(&reader, &item);
		if (reader.fault)
			break;
		if (judge(&cutting, &reader, &item))
			continue;
		if (to != item.from)
			memmove(to, item.from, (size_t) (item.to - item.from));
		to += item.to - item.from;
		kept++;
	}
	free(cutting.ids);
	if (cutting.count == 0)
		return false;
	/* What follows the entries, or could not be read. */
	memmove(to, reader.at, (size_t) (reader.end - reader.at));
	archive->length =
		(size_t) (to - (unsigned char *) archive->data) + (size_t) (reader.end - reader.at);
	archive_write_integer(&reader,
						  (unsigned char *) archive->data +
							  (reader.count_at - (unsigned char *) archive->data),
						  (uint32_t) kept);
	return true;
}
