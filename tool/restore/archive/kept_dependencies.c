/*-------------------------------------------------------------------------
 *
 * kept_dependencies.c
 *	  Dependencies that a backup has beside its archive.
 *
 * The second member "archive" has what source_dependencies.c has read: a line
 * for each, with the oids of the catalog and of the object, by which the
 * archive knows its entries, too.  Objects that it has no entry for are passed
 * over.  What the catalogs said is as good as what pg_dump says, so that it goes
 * into the same list: for what must come along, for what is lost, and for what
 * may be called.  What a table does not outlive has a list of its own.
 *
 * Older backups have no such member, or one that does not cover functions that
 * the archive has no entry for.  Then, and only then, the definitions are read
 * for what they name.
 *
 * The lines must be in order.  So none comes twice, and the work is bounded by
 * their number, whoever wrote them.
 *
 *-------------------------------------------------------------------------
 */
#include "kept_dependencies.h"

#include <stdlib.h>
#include <string.h>

#include "exclusion_needs.h"
#include "log.h"
#include "member_reader.h"
#include "memory.h"
#include "multirange_schemas.h"
#include "operator_links.h"
#include "range_constructors.h"

typedef struct Object
{
	uint32_t catalog;
	uint32_t oid;
} Object;

/* One line; `goes`: the first does not outlive the second. */
typedef struct Line
{
	bool goes;
	Object from;
	Object to;
} Line;

static int
compare_numbers(uint32_t a, uint32_t b)
{
	return a < b ? -1 : a > b;
}

static int
compare_objects(const Object *a, const Object *b)
{
	int order = compare_numbers(a->catalog, b->catalog);

	return order != 0 ? order : compare_numbers(a->oid, b->oid);
}

static int
compare_lines(const Line *a, const Line *b)
{
	int order = (int) b->goes - (int) a->goes;

	if (order == 0)
		order = compare_objects(&a->from, &b->from);
	return order != 0 ? order : compare_objects(&a->to, &b->to);
}

static int
compare_entries(const void *a, const void *b)
{
	const TocEntry *x = *(TocEntry *const *) a;
	const TocEntry *y = *(TocEntry *const *) b;
	int order = compare_objects(&(Object){x->catalog, x->oid}, &(Object){y->catalog, y->oid});

	return order != 0 ? order : compare_numbers(x->place, y->place);
}

/* The entries by their objects; caller frees. */
static TocEntry **
sort_entries(const ArchiveToc *toc)
{
	TocEntry **entries = xcalloc((size_t) toc->count + 1, sizeof(TocEntry *));
	uint32_t i;

	for (i = 0; i < toc->count; i++)
		entries[i] = &toc->entries[i];
	qsort(entries, toc->count, sizeof(TocEntry *), compare_entries);
	return entries;
}

/* The entry of the object, the first of several; NULL: it has none.  Comments and grants have 0. */
static TocEntry *
find_entry(TocEntry *const *entries, uint32_t count, const Object *object)
{
	uint32_t low = 0;

	if (object->catalog == 0)
		return NULL;
	while (count > 0)
	{
		const TocEntry *middle = entries[low + count / 2];

		if (compare_objects(&(Object){middle->catalog, middle->oid}, object) < 0)
		{
			low += count / 2 + 1;
			count -= count / 2 + 1;
		}
		else
			count /= 2;
	}
	return entries[low] != NULL && entries[low]->catalog == object->catalog &&
				   entries[low]->oid == object->oid
			   ? entries[low]
			   : NULL;
}

/* Up to ten digits and the sign behind them. */
static bool
read_number(char **at, char sign, uint32_t *number)
{
	size_t digits = strspn(*at, "0123456789");
	unsigned long long value = strtoull(*at, NULL, 10);

	if (digits == 0 || digits > 10 || value > UINT32_MAX || (*at)[digits] != sign)
		return false;
	*number = (uint32_t) value;
	*at += digits + 1;
	return true;
}

/* "needs 2606/16411 2616/16400" or "goes 1259/16420 1255/16390" */
static bool
read_line(char *at, Line *line)
{
	line->goes = strncmp(at, "goes ", 5) == 0;
	if (!line->goes && strncmp(at, "needs ", 6) != 0)
		return false;
	at += line->goes ? 5 : 6;
	return read_number(&at, '/', &line->from.catalog) && read_number(&at, ' ', &line->from.oid) &&
		   read_number(&at, '/', &line->to.catalog) && read_number(&at, '\0', &line->to.oid);
}

/* The archive may say it already; its own list may hold one twice, too. */
static void
append(int **ids, int *count, int id)
{
	*ids = xrealloc(*ids, ((size_t) *count + 1) * sizeof(int));
	(*ids)[(*count)++] = id;
}

static void
add_line(const Line *line, TocEntry *from, const TocEntry *to)
{
	if (from == NULL || to == NULL || from == to)
		return;
	if (line->goes)
		append(&from->goes_with, &from->ngoes_with, to->id);
	else
		append(&from->depends_on, &from->ndepends_on, to->id);
}

const char *
kept_dependencies_parse(ArchiveToc *toc, char *text, bool *functions)
{
	TocEntry **entries = sort_entries(toc);
	const char *problem = NULL;
	Line before = {true, {0, 0}, {0, 0}};
	char *end;

	*functions = false;
	for (; problem == NULL && *text != '\0'; text = end)
	{
		Line line = before;

		end = text + strcspn(text, "\n");
		if (*end != '\0')
			*end++ = '\0';
		*functions = *functions || strcmp(text, "-- covers functions") == 0;
		if (strncmp(text, "-- needs ", 9) != 0 && strncmp(text, "-- goes ", 8) != 0)
			continue;
		if (!read_line(text + 3, &line) || compare_lines(&before, &line) >= 0)
			problem = "are damaged";
		else
			add_line(&line, find_entry(entries, toc->count, &line.from),
					 find_entry(entries, toc->count, &line.to));
		before = line;
	}
	free(entries);
	toc->complete = problem == NULL;
	return problem;
}

/* The second member "archive", or NULL. */
static const Member *
find_member(const Manifest *manifest)
{
	bool second = false;
	uint32_t i;

	for (i = 0; i < manifest->nmembers; i++)
	{
		if (manifest->members[i].kind != MEMBER_ARCHIVE)
			continue;
		if (second)
			return &manifest->members[i];
		second = true;
	}
	return NULL;
}

static void
add_by_texts(ArchiveToc *toc)
{
	exclusion_needs_add(toc);
	operator_links_add(toc);
	multirange_schemas_add(toc);
	range_constructors_add(toc);
}

bool
kept_dependencies_add(Repository *repository, const Manifest *manifest, ArchiveToc *toc)
{
	const Member *member = find_member(manifest);
	const char *problem = NULL;
	MemberReader reader;
	bool functions = true;
	bool good;

	if (member == NULL)
	{
		add_by_texts(toc);
		return true;
	}
	good = member_reader_open(&reader, repository, manifest);
	if (good && member->raw > KEPT_DEPENDENCIES_LIMIT)
		problem = "are more than any that nex_backup writes";
	else if (good && (good = member_reader_read(&reader, member)))
		problem = kept_dependencies_parse(toc, reader.raw.data, &functions);
	member_reader_close(&reader);
	if (!functions)
		range_constructors_add(toc);
	if (problem != NULL)
		good = report_error(EXIT_INTEGRITY, NULL,
							"A restore of the whole backup does not need what is in them.",
							"the dependencies of the backup %s", problem);
	return good;
}
