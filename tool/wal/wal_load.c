/*-------------------------------------------------------------------------
 *
 * wal_load.c
 *	  A WAL file of a server, read and looked at, before it is stored.
 *
 *-------------------------------------------------------------------------
 */
#include "wal_load.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "wal_history.h"
#include "wal_pack.h"
#include "wal_source.h"

static bool
bad_source(const char *path, const char *problem)
{
	return report_error(EXIT_INTEGRITY, NULL, NULL, "file \"%s\" %s", path, problem);
}

static bool
read_source(WalLoaded *loaded)
{
	const char *path = loaded->path;
	int error = wal_source_read(path, &loaded->data);

	if (error == EBUSY)
		return bad_source(path, "is being written");
	return error == 0 || report_error(EXIT_FAILED, NULL, NULL, "could not read file \"%s\": %s",
									  path, strerror(error));
}

/* The text files: is it one of its kind? */
static bool
check_text(const WalLoaded *loaded)
{
	static const char label_begin[] = "START WAL LOCATION: ";
	const Buffer *data = &loaded->data;
	WalHistory history;
	const char *problem = NULL;

	if (data->length > WAL_MAX_HISTORY_BYTES)
		problem = "is too long";
	else if (loaded->record.name.kind == WAL_HISTORY)
	{
		problem =
			wal_history_parse(data->data, data->length, loaded->record.name.timeline, &history);
		if (problem == NULL)
			wal_history_free(&history);
	}
	else if (data->length < sizeof(label_begin) ||
			 memcmp(data->data, label_begin, sizeof(label_begin) - 1) != 0)
		problem = "is not what a base backup leaves";
	return problem == NULL || bad_source(loaded->path, problem);
}

static bool
is_segment(const WalLoaded *loaded)
{
	return loaded->record.name.kind == WAL_SEGMENT || loaded->record.name.kind == WAL_PARTIAL;
}

/* Of which server is it?  A segment says so itself. */
static bool
find_out_server(WalLoaded *loaded, uint64_t expected)
{
	const char *path = loaded->path;
	WalHead *head = &loaded->head;
	char *problem;

	if (is_segment(loaded))
	{
		problem =
			wal_pages_check(&loaded->record.name, loaded->data.data, loaded->data.length, head);
		if (problem != NULL)
			bad_source(path, problem);
		free(problem);
		if (problem != NULL)
			return false;
	}
	if (expected == 0 && !wal_control_identifier(path, &expected))
		return false;
	if (is_segment(loaded) && expected != 0 && head->system_identifier != expected)
		return report_error(EXIT_INTEGRITY, NULL, NULL,
							"file \"%s\" has WAL of system identifier %" PRIu64
							", not of this server, %" PRIu64,
							path, head->system_identifier, expected);
	if (!is_segment(loaded) && expected == 0)
		return report_error(
			EXIT_USAGE, NULL,
			"Name its system identifier as the last word, or push the file from pg_wal of a "
			"data directory.",
			"file \"%s\" does not say of which server it is", path);
	loaded->record.system_identifier = is_segment(loaded) ? head->system_identifier : expected;
	loaded->record.major = head->major;
	return true;
}

bool
wal_load(const char *path, uint64_t system_identifier, WalLoaded *loaded)
{
	memset(loaded, 0, sizeof(*loaded));
	loaded->path = path;
	buffer_init(&loaded->data);
	buffer_init(&loaded->compressed);
	if (!wal_name_parse(wal_base_name(path), &loaded->record.name))
		return report_error(EXIT_USAGE, NULL,
							"Segments, .partial, .history and .backup files are archived.",
							"\"%s\" is not the name of a WAL file", wal_base_name(path));
	if (!read_source(loaded) || (!is_segment(loaded) && !check_text(loaded)) ||
		!find_out_server(loaded, system_identifier))
		return false;
	loaded->record.bytes = loaded->data.length;
	return digest_buffer(loaded->data.data, loaded->data.length, loaded->record.sha256) ||
		   report_error(EXIT_FAILED, NULL, NULL, "could not compute a SHA-256 digest");
}

bool
wal_load_compress(WalLoaded *loaded, int level)
{
	return loaded->compressed.length > 0 ||
		   wal_compress(loaded->data.data, loaded->data.length, level, &loaded->compressed);
}

void
wal_loaded_free(WalLoaded *loaded)
{
	buffer_free(&loaded->data);
	buffer_free(&loaded->compressed);
}
