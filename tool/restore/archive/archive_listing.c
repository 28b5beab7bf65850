/*-------------------------------------------------------------------------
 *
 * archive_listing.c
 *	  The table of contents of the schema archive.
 *
 * Read from what pg_restore --list prints, not from the archive itself,
 * whose format is pg_dump's own and differs between versions.  Ids, oids and
 * kinds are used; names are not, since pg_restore mangles some.
 *
 *-------------------------------------------------------------------------
 */
#include "archive_listing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client_program.h"
#include "log.h"
#include "memory.h"
#include "private_file.h"
#include "subprocess.h"

static void
add_entry(ArchiveListing *listing, const char *line)
{
	ArchiveEntry entry;
	int length = 0;

	memset(&entry, 0, sizeof(entry));
	if (sscanf(line, "%d; %u %u %n", &entry.id, &entry.catalog, &entry.oid, &length) != 3 ||
		length == 0 || entry.id <= 0)
		return;
	entry.text = xstrdup(line + length);
	listing->entries =
		xrealloc(listing->entries, ((size_t) listing->count + 1) * sizeof(*listing->entries));
	entry.place = listing->count;
	listing->entries[listing->count++] = entry;
}

static void
add_dependencies(ArchiveEntry *entry, const char *numbers)
{
	char *end;
	long id;

	while ((id = strtol(numbers, &end, 10)) > 0 && end != numbers)
	{
		entry->depends_on =
			xrealloc(entry->depends_on, ((size_t) entry->ndepends_on + 1) * sizeof(int));
		entry->depends_on[entry->ndepends_on++] = (int) id;
		numbers = end;
	}
}

static int
compare_ids(const void *a, const void *b)
{
	const ArchiveEntry *x = *(ArchiveEntry *const *) a;
	const ArchiveEntry *y = *(ArchiveEntry *const *) b;

	return x->id < y->id ? -1 : x->id > y->id;
}

static void
sort_by_id(ArchiveListing *listing)
{
	uint32_t i;

	listing->by_id = xcalloc((size_t) listing->count + 1, sizeof(ArchiveEntry *));
	for (i = 0; i < listing->count; i++)
		listing->by_id[i] = &listing->entries[i];
	qsort(listing->by_id, listing->count, sizeof(ArchiveEntry *), compare_ids);
}

/* "; \tTOC Entries: 42" in the head of the list; -1 if it is missing. */
static long
promised_entries(const char *text)
{
	/* At the start of a line: the name of the database, which has none, stands before it. */
	static const char title[] = "\n;     TOC Entries: ";
	const char *found = strstr(text, title);

	return found != NULL ? strtol(found + strlen(title), NULL, 10) : -1;
}

static void
add_lines(ArchiveListing *listing, char *text)
{
	static const char dependencies[] = ";\tdepends on:";
	char *line;

	while ((line = strsep(&text, "\n")) != NULL)
	{
		if (strncmp(line, dependencies, strlen(dependencies)) == 0 && listing->count > 0)
			add_dependencies(&listing->entries[listing->count - 1], line + strlen(dependencies));
		else
			add_entry(listing, line);
	}
}

/* An entry of an archive that lists itself is in the list of all, which says how many they are. */
static bool
check_listing(const ArchiveListing *listing, long promised, const ArchiveListing *all)
{
	uint32_t i;

	if (all == NULL && (long) listing->count != promised)
		return report_error(EXIT_FAILED, NULL, NULL,
							"pg_restore lists %u of %ld entries of the schema archive",
							listing->count, promised);
	for (i = 0; all != NULL && i < listing->count; i++)
	{
		if (archive_listing_find(all, listing->entries[i].id) == NULL)
			return report_error(EXIT_FAILED, NULL, NULL,
								"pg_restore does not list entry %d of the schema archive twice",
								listing->entries[i].id);
	}
	return true;
}

bool
archive_listing_read(const RestorePlan *plan, const char *option, const ArchiveListing *all,
					 ArchiveListing *listing)
{
	const char *argv[] = {plan->pg_restore, "--list", option, plan->archive, NULL};
	SubprocessResult result;
	Buffer text;
	bool good = false;

	memset(listing, 0, sizeof(*listing));
	buffer_init(&text);
	if (subprocess_capture(argv, NULL, &text, &result))
	{
		good = client_program_check("pg_restore", &result);
		subprocess_result_free(&result);
	}
	if (good)
	{
		long promised = promised_entries(text.data);

		add_lines(listing, text.data);
		sort_by_id(listing);
		good = check_listing(listing, promised, all);
	}
	buffer_free(&text);
	return good;
}

void
archive_listing_free(ArchiveListing *listing)
{
	uint32_t i;

	for (i = 0; i < listing->count; i++)
	{
		free(listing->entries[i].text);
		free(listing->entries[i].depends_on);
	}
	free(listing->entries);
	free(listing->by_id);
}

ArchiveEntry *
archive_listing_find(const ArchiveListing *listing, int id)
{
	ArchiveEntry wanted = {.id = id};
	const ArchiveEntry *key = &wanted;
	ArchiveEntry **found = NULL;

	if (listing->by_id != NULL)
		found = bsearch(&key, listing->by_id, listing->count, sizeof(ArchiveEntry *), compare_ids);
	return found != NULL ? *found : NULL;
}

/*
 * The kind is followed by the schema, "-" if there is none.  Kinds that begin
 * with another kind are told apart by their next word, which is upper case.
 */
bool
archive_entry_is(const ArchiveEntry *entry, const char *kind)
{
	static const char *const longer[] = {
		"INDEX ATTACH ",    "TABLE ATTACH ",           "TABLE DATA ",
		"OPERATOR CLASS ",  "OPERATOR FAMILY ",        "SEQUENCE SET ",
		"STATISTICS DATA ", "MATERIALIZED VIEW DATA ", "SEQUENCE OWNED BY "};
	size_t length = strlen(kind);
	size_t i;

	if (strncmp(entry->text, kind, length) != 0 || entry->text[length] != ' ')
		return false;
	for (i = 0; i < sizeof(longer) / sizeof(longer[0]); i++)
	{
		if (strlen(longer[i]) > length + 1 && strncmp(longer[i], kind, length) == 0 &&
			strncmp(entry->text, longer[i], strlen(longer[i])) == 0)
			return false;
	}
	return true;
}

char *
archive_list_write(const RestorePlan *plan, const int *ids, uint32_t count, int number, int *error)
{
	char *path = xasprintf("%s/list.%d", plan->directory, number);
	Buffer lines;
	uint32_t i;

	buffer_init(&lines);
	for (i = 0; i < count; i++)
		buffer_printf(&lines, "%d;\n", ids[i]);
	*error = new_file_write(path, lines.data, lines.length, false);
	buffer_free(&lines);
	if (*error == 0)
		return path;
	free(path);
	return NULL;
}

bool
archive_list_failed(const RestorePlan *plan, int error)
{
	return report_error(EXIT_FAILED, strerror(error), temporary_file_hint(error),
						"could not write a list of entries in \"%s\"", plan->directory);
}
