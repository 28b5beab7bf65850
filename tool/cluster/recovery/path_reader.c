/*-------------------------------------------------------------------------
 *
 * path_reader.c
 *	  Reading the WAL on the path of a recovery.
 *
 *-------------------------------------------------------------------------
 */
#include "path_reader.h"

#include <stdlib.h>

#include "interrupt.h"
#include "log.h"
#include "progress.h"
#include "wal_pack.h"

/* So many segments are read backwards for the last transaction: more have none only if nobody
 * works. */
#define LOOK_BACK 8

#define DAMAGED_HINT                                                                               \
	"The server would stop there.  Recover to a target before it (--target-time), or from a base " \
	"backup behind it.  If a server still has the segment in pg_wal, \"nex_backup wal push\" "     \
	"stores it again."

bool
path_read(const RecoveryPath *path, uint64_t number, WalRecords *records)
{
	const WalSystem *system = &path->inventory->system;
	const WalFile *file = recovery_path_segment(path, number);
	char *directory = wal_directory(system->id, &file->name);
	WalContentRead content;
	WalVerdict verdict = wal_unpack(system->repository, system->id, directory, file, &content);
	const char *problem = content.problem;

	if (verdict == WAL_GOOD)
		problem = wal_records_add(records, content.data.data, content.data.length);
	if (problem != NULL)
		report_error(verdict == WAL_UNREADABLE ? EXIT_FAILED : EXIT_INTEGRITY, NULL,
					 content.hint != NULL || verdict == WAL_UNREADABLE ? content.hint
																	   : DAMAGED_HINT,
					 "WAL file \"%s\" in \"%s/%s\" %s", file->name.text,
					 system->repository->storage->location, directory, problem);
	wal_content_free(&content);
	free(directory);
	atomic_fetch_add(&progress.units_done, 1);
	return problem == NULL;
}

bool
path_scan(const RecoveryPath *path, uint64_t from, uint64_t to, WalVisit visit, void *argument)
{
	WalRecords records;
	bool good = true;
	uint64_t number;

	wal_records_begin(&records, visit, argument);
	for (number = from; number <= to && good && !records.ended; number++)
		good = !stop_requested() && path_read(path, number, &records);
	wal_records_end(&records);
	return good;
}

bool
path_scan_behind(const RecoveryPath *path, uint64_t from, uint64_t to, WalVisit visit,
				 void *argument)
{
	LogCapture ignored = {.code = EXIT_DONE};
	bool good;

	log_capture(&ignored);
	good = path_scan(path, from, to, visit, argument);
	log_capture(NULL);
	log_capture_free(&ignored);
	return good;
}

bool
path_is_end(const WalEvent *event)
{
	return event->kind == WAL_EVENT_COMMIT || event->kind == WAL_EVENT_ABORT;
}

bool
path_visit_first(const WalEvent *event, void *argument)
{
	WalEvent *first = argument;

	if (path_is_end(event))
		*first = *event;
	return !path_is_end(event);
}

static bool
visit_last(const WalEvent *event, void *argument)
{
	if (path_is_end(event))
		*(WalEvent *) argument = *event;
	return true;
}

bool
path_newest(const RecoveryPath *path, WalEvent *newest)
{
	uint64_t number = path->last;
	int i;

	newest->kind = WAL_EVENT_OTHER;
	for (i = 0; i < LOOK_BACK && newest->kind == WAL_EVENT_OTHER && number >= path->first &&
				path_scan_behind(path, number, number, visit_last, newest);
		 i++, number--)
		;
	return newest->kind != WAL_EVENT_OTHER;
}
