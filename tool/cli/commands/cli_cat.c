/*-------------------------------------------------------------------------
 *
 * cli_cat.c
 *	  nex_backup cat: the rows of one table, as COPY text.
 *
 * For a look, for grep and diff, for a table that goes somewhere else.  Pure
 * rows, without COPY line and \., so that any "COPY … FROM STDIN" takes them.
 * What has gone to a pipe cannot be taken back: every object that holds rows
 * of the table is hashed before the first byte is written.  A disk may give
 * other bytes the second time, and what is not compressed does not have a
 * checksum: then each object is hashed once more where its rows are taken from.
 *
 *-------------------------------------------------------------------------
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backups.h"
#include "command.h"
#include "command_settings.h"
#include "general_settings.h"
#include "interrupt.h"
#include "log.h"
#include "manifest_keep.h"
#include "member_reader.h"
#include "memory.h"
#include "part_settings.h"
#include "resolve.h"
#include "settings.h"
#include "table_pattern.h"
#include "nearest.h"
#include "progress.h"
#include "progress_bar.h"
#include "repository_view.h"
#include "row_copy.h"
#include "sql_name.h"
#include "stdout_stream.h"
#include "verify.h"
#include "work_settings.h"

/* The error for a name that no table has, with the nearest one as a hint. */
static bool
report_no_table(const Manifest *manifest, const TablePattern *pattern)
{
	const char **names = xcalloc((size_t) manifest->ntables + 1, sizeof(char *));
	const char *nearest;
	char *hint = NULL;
	uint32_t i;

	for (i = 0; i < manifest->ntables; i++)
		names[i] = manifest->tables[i].name;
	nearest = nearest_name(pattern->letters, names, (int) manifest->ntables);
	for (i = 0; nearest != NULL && hint == NULL && i < manifest->ntables; i++)
	{
		if (manifest->tables[i].name == nearest)
			hint = xasprintf("Perhaps you meant \"%s.%s\".", manifest->tables[i].schema, nearest);
	}
	report_error(EXIT_FAILED, NULL,
				 hint != NULL
					 ? hint
					 : "\"nex_backup info\" lists the tables that contain rows themselves; "
					   "those of a partitioned table are in its partitions.",
				 "no table of the backup matches \"%s\"", pattern->text);
	free(hint);
	free(names);
	return false;
}

/* The one table that the pattern names; -1 (reported) if it is not one. */
static int32_t
find_table(const Manifest *manifest, const char *text)
{
	TablePattern pattern;
	int32_t found = -1;
	uint32_t count = 0;
	uint32_t i;

	if (table_pattern_parse("--table", text, &pattern))
	{
		for (i = 0; i < manifest->ntables; i++)
		{
			if (!table_pattern_matches(&pattern, manifest->tables[i].schema,
									   manifest->tables[i].name))
				continue;
			found = (int32_t) i;
			count++;
		}
		if (count == 0)
			report_no_table(manifest, &pattern);
		else if (count > 1)
			report_error(EXIT_USAGE, NULL, "Name one, with its schema.",
						 "%u tables of the backup match \"%s\"", count, text);
	}
	table_pattern_free(&pattern);
	return count == 1 ? found : -1;
}

/* Make the manifest that of one table, and check what it needs. */
static bool
check_table(const Settings *settings, Repository *repository, Manifest *manifest, int32_t table)
{
	static const bool no_kinds[MEMBER_KINDS] = {false};
	bool *wanted = xcalloc((size_t) manifest->ntables + 1, sizeof(bool));
	VerifyReport report;
	bool good;

	wanted[table] = true;
	manifest_keep(manifest, wanted, no_kinds);
	free(wanted);
	progress_phase("checking objects", "objects", manifest->nobjects,
				   manifest->totals.stored_bytes);
	good = verify_objects(repository, manifest, VERIFY_DIGESTS, settings->work->jobs, &report) &&
		   report.nbad == 0;
	verify_report_free(&report);
	return good && !stop_requested();
}

/* A character of a column name as COPY writes it. */
static void
append_escaped(Buffer *line, char c)
{
	static const char special[] = "\b\f\n\r\t\v\\";
	static const char letters[] = "bfnrtv\\";
	const char *found = c != '\0' ? strchr(special, c) : NULL;

	if (found != NULL)
	{
		buffer_append_char(line, '\\');
		c = letters[found - special];
	}
	buffer_append_char(line, c);
}

/* The names of the columns, as COPY … HEADER writes them. */
static char *
header_line(const ManifestTable *table)
{
	size_t length;
	const char *text = row_copy_columns(table, &length);
	const char *end = text + length;
	Buffer line;

	buffer_init(&line);
	while (text != NULL && text < end && *text != ')')
	{
		char *column;
		const char *c;

		text = sql_name_read(text + strspn(text, "(, "), &column);
		if (text == NULL)
			break;
		if (line.length > 0)
			buffer_append_char(&line, '\t');
		for (c = column; *c != '\0'; c++)
			append_escaped(&line, *c);
		free(column);
	}
	buffer_append_char(&line, '\n');
	return buffer_detach(&line);
}

/* Nothing is wrong if the reader has seen enough. */
static bool
write_out(const char *data, size_t length)
{
	if (stdout_stream_write(data, length))
		return true;
	if (errno != 0 && errno != EPIPE)
		report_error(EXIT_FAILED, NULL, NULL, "could not write to standard output: %s",
					 strerror(errno));
	return false;
}

static bool
write_rows(const Settings *settings, Repository *repository, const Manifest *manifest)
{
	MemberReader reader;
	bool good = member_reader_open(&reader, repository, manifest);
	uint32_t i;

	reader.whole = manifest->codec == CODEC_NONE;
	if (good)
		member_reader_read_ahead(&reader);
	progress_phase("writing rows", "members", manifest->nmembers, manifest->totals.raw_bytes);
	if (good && settings->command->header)
	{
		char *header = header_line(&manifest->tables[0]);

		good = write_out(header, strlen(header));
		free(header);
	}
	for (i = 0; good && i < manifest->nmembers; i++)
	{
		const char *rows;
		size_t length;

		good = !stop_requested() && member_reader_read(&reader, &manifest->members[i]) &&
			   member_reader_rows(&reader, &manifest->members[i], &rows, &length) &&
			   write_out(rows, length);
		atomic_fetch_add(&progress.weight_done, manifest->members[i].raw);
		atomic_fetch_add(&progress.units_done, 1);
	}
	member_reader_close(&reader);
	return good;
}

static bool
run_cat(const Settings *settings)
{
	Repository *repository;
	Manifest *manifest = NULL;
	BackupName name;
	int32_t table = -1;
	bool good = false;

	if (settings->part->table.count != 1 || settings->general->json)
		return report_error(EXIT_USAGE, NULL, "Write it as --table=schema.name.",
							settings->general->json ? "cat writes COPY text, no JSON"
													: "command \"cat\" needs one --table");
	repository = open_repository_places(settings, false);
	if (repository == NULL)
		return false;
	if (repository_lock_shared(repository) &&
		repository_resolve(repository, settings->general->arguments[0], &name))
		manifest = repository_manifest_inside(repository, &name);
	if (manifest != NULL)
		table = find_table(manifest, settings->part->table.items[0]);
	if (table >= 0)
	{
		progress_bar_start(settings);
		good = check_table(settings, repository, manifest, table) &&
			   write_rows(settings, repository, manifest);
		progress_bar_stop();
	}
	manifest_free(manifest);
	repository_close(repository);
	return good;
}

const Command command_cat = {
	.name = "cat",
	.summary = "write the rows of one table to standard output",
	.arguments = "DB[/ID]",
	.min_arguments = 1,
	.max_arguments = 1,
	.options = "table header jobs as-of",
	.per_call = "table as-of",
	.run = run_cat,
	.opens_backups = true,
	.several_places = true,
};
