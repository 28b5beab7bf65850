/*-------------------------------------------------------------------------
 *
 * long_entries.c
 *	  Definitions of the schema that do not belong in a backup.
 *
 * pg_restore cannot print a definition of a gigabyte, and says "out of memory";
 * no server takes one, and pg_dump itself writes nothing when it would have
 * two.  But a comment of half a gigabyte of quotes has a gigabyte in SQL, and
 * options, settings of a function, and defaults of columns add up.  A backup
 * that failed for it would fail whenever the owner of one table likes.  So
 * these are left out, with a warning that names them.
 *
 * What is set for the database, and for roles in it, is one entry of pg_dump's,
 * however much that is, and any role of the cluster can add hundreds of
 * megabytes to it.  database_settings.c writes all that is in it, by itself and
 * with a limit for each role, so the entry is never kept.
 *
 * Another limit is the parser's, which keeps no more than 10,000 words in mind.
 * The server writes more parentheses than it was given ("NOT NOT a" is "(NOT
 * (NOT a))"), so it may not take its own text back.  Whether it does depends on
 * what stands between them; such a definition is kept, with a warning.
 *
 *-------------------------------------------------------------------------
 */
#include "long_entries.h"

#include <stdlib.h>
#include <string.h>

#include "archive_reader.h"
#include "memory.h"
#include "quote.h"

#define DEEPEST_NESTING 2500 /* of the parentheses that the parser takes in any case */

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

/* How many parentheses are open at once, apart from those in texts and names. */
static size_t
nesting_of(ArchiveText sql)
{
	size_t open = 0;
	size_t deepest = 0;
	char quote = '\0';
	size_t i;

	for (i = 0; i < sql.length; i++)
	{
		char c = sql.text[i];

		if (quote != '\0')
			quote = c == quote ? '\0' : quote;
		else if (c == '\'' || c == '"')
			quote = c;
		else if (c == '(' && ++open > deepest)
			deepest = open;
		else if (c == ')' && open > 0)
			open--;
	}
	return deepest;
}

static void
note_nesting(Cutting *cutting, const ArchiveItem *item)
{
	size_t nesting = nesting_of(item->definition);
	char *label;

	if (nesting <= DEEPEST_NESTING)
		return;
	label = label_of(item);
	buffer_printf(cutting->warnings,
				  "WARNING:  %s has %zu parentheses in one another, which a server may not read "
				  "back\nHINT:  Make it simpler, and make another backup. A restore leaves it out "
				  "with --on-object-error=skip.\n",
				  label, nesting);
	free(label);
}

/* Does another member of the backup have all that is in it? */
static bool
is_elsewhere(const ArchiveItem *item)
{
	return archive_text_is(&item->kind, "DATABASE PROPERTIES");
}

/* Is the item to go? */
static bool
judge(Cutting *cutting, const ArchiveReader *reader, const ArchiveItem *item)
{
	size_t longest = is_comment(item) ? cutting->longest_comment : cutting->longest;

	if (is_elsewhere(item))
		return true;
	if (is_lost(item))
		note(cutting, item);
	if (is_about_cut(cutting, *reader, item))
		return true;
	if (item->definition.length <= longest)
	{
		if (!is_comment(item))
			note_nesting(cutting, item);
		return false;
	}
	note(cutting, item);
	cutting->ids = xrealloc(cutting->ids, (cutting->count + 1) * sizeof(int));
	cutting->ids[cutting->count++] = item->id;
	return true;
}

bool
long_entries_cut(const char *archive, size_t length, size_t longest_comment, size_t longest,
				 Buffer *kept, Buffer *warnings)
{
	Cutting cutting = {warnings, longest_comment, longest, NULL, 0};
	const char *copied = archive; /* up to here */
	ArchiveReader reader;
	ArchiveItem item;
	int64_t count;
	int64_t left = 0;
	int64_t i;

	if (archive_reader_open(&reader, archive, length, &count) != NULL)
		count = 0;
	for (i = 0; i < count; i++)
	{
		archive_read_item(&reader, &item);
		if (reader.fault)
			break;
		if (!judge(&cutting, &reader, &item))
			continue;
		buffer_append(kept, copied, (size_t) ((const char *) item.from - copied));
		copied = (const char *) item.to;
		left++;
	}
	free(cutting.ids);

	/* What follows the last that was cut, entries or not. */
	buffer_append(kept, copied, (size_t) (archive + length - copied));
	if (left > 0)
		archive_write_integer(
			&reader, (unsigned char *) kept->data + ((const char *) reader.count_at - archive),
			(uint32_t) (count - left));
	return left > 0;
}
