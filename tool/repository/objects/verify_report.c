/*-------------------------------------------------------------------------
 *
 * verify_report.c
 *	  What a verification has found out, and the messages about it.
 *
 * A file that may not be read, or lies behind a link that is not followed, is
 * no finding about a backup: the user or the place is wrong, not the bytes.
 *
 *-------------------------------------------------------------------------
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "memory.h"
#include "quote.h"
#include "verify.h"

#define MAX_TABLES_NAMED 10

/* The tables that these members hold, for people. */
static char *
tables_of(const Manifest *manifest, uint32_t first, uint32_t count)
{
	Buffer names;
	int32_t last = -1;
	uint32_t found = 0;
	uint32_t i;

	buffer_init(&names);
	buffer_append_string(&names, "");
	for (i = first; i < first + count; i++)
	{
		int32_t table = manifest->members[i].table;

		if (table < 0 || table == last)
			continue;
		last = table;
		if (++found <= MAX_TABLES_NAMED)
		{
			char *schema = printable_name(manifest->tables[table].schema);
			char *name = printable_name(manifest->tables[table].name);

			buffer_printf(&names, "%s%s.%s", found > 1 ? ", " : "", schema, name);
			free(schema);
			free(name);
		}
	}
	if (found > MAX_TABLES_NAMED)
		buffer_printf(&names, " and %" PRIu32 " more", found - MAX_TABLES_NAMED);
	return buffer_detach(&names);
}

/* Put a bad object into the report. */
static void
add_bad(VerifyReport *report, const Manifest *manifest, uint32_t object, uint32_t first,
		uint32_t count, const char *problem)
{
	BadFile *bad;

	report->bad = xrealloc(report->bad, (size_t) (report->nbad + 1) * sizeof(BadFile));
	bad = &report->bad[report->nbad++];
	*bad = (BadFile){.path = manifest_object_path(manifest, object),
					 .problem = xstrdup(problem),
					 .tables = tables_of(manifest, first, count)};
	if (bad->tables[0] != '\0')
		bad->holds = xasprintf("It holds rows of %s.", bad->tables);
	else if (count > 0)
		bad->holds = xasprintf("It holds the section \"%s\".",
							   member_kind_name(manifest->members[first].kind));
}

void
verify_report_say(const Manifest *manifest, const BadFile *bad)
{
	char *label = manifest_label(manifest);

	report_error(EXIT_INTEGRITY, bad->holds, NULL, "file \"%s\" of backup \"%s\" %s", bad->path,
				 label, bad->problem);
	free(label);
}

void
verify_report_add(VerifyReport *report, const Manifest *manifest, uint32_t object, uint32_t first,
				  uint32_t count, const char *problem)
{
	uint32_t i;

	report->objects++;
	report->bytes += manifest->objects[object].bytes;
	for (i = first; i < first + count; i++)
	{
		report->raw_bytes += manifest->members[i].raw;
		report->rows += manifest->members[i].rows;
	}
	if (problem != NULL)
		add_bad(report, manifest, object, first, count, problem);
}

void
verify_report_bad(VerifyReport *report, const char *path, const char *problem)
{
	report->bad = xrealloc(report->bad, (size_t) (report->nbad + 1) * sizeof(BadFile));
	report->bad[report->nbad++] =
		(BadFile){.path = xstrdup(path), .problem = xstrdup(problem), .tables = xstrdup("")};
}

void
verify_report_unreadable(VerifyReport *report, const Manifest *manifest, uint32_t object,
						 const char *problem, const char *hint)
{
	char *label;
	char *path;

	/* They mostly fail all alike; one message says it. */
	if (report->nunreadable++ > 0)
		return;
	label = manifest_label(manifest);
	path = manifest_object_path(manifest, object);
	report_error(EXIT_FAILED, "Nothing is known to be damaged.", hint,
				 "file \"%s\" of backup \"%s\" %s", path, label, problem);
	free(path);
	free(label);
}

void
verify_report_free(VerifyReport *report)
{
	int i;

	for (i = 0; i < report->nbad; i++)
	{
		free(report->bad[i].path);
		free(report->bad[i].problem);
		free(report->bad[i].tables);
		free(report->bad[i].holds);
	}
	free(report->bad);
	memset(report, 0, sizeof(*report));
}
