/*-------------------------------------------------------------------------
 *
 * object_errors.h
 *	  What a restore with --on-object-error=skip could not restore.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_OBJECT_ERRORS_H
#define NEX_OBJECT_ERRORS_H

#include <pthread.h>

#include "archive_toc.h"
#include "connection.h"
#include "entry_scripts.h"

/* One thing that could not be restored. */
typedef struct ObjectError
{
	uint32_t place;  /* in the archive's order; behind it: not of the archive */
	uint32_t order;  /* in which it was noted */
	int entry;       /* whose object is missing; 0: of none, or the object is there */
	char *label;     /* "FK CONSTRAINT billing.invoice invoice_fkey" */
	char *statement; /* SQL that failed; NULL: rows */
	char *error;
	uint64_t rows; /* that are missing */
} ObjectError;

struct ObjectErrors
{
	pthread_mutex_t mutex;
	ObjectError *items;
	uint32_t count;
	uint64_t rows; /* missing in total */
	char *path;    /* of the file of SQL */
	bool written;
	ArchiveToc own_toc;
	const ArchiveToc *toc; /* that one, or the one of the selection */
	EntryScripts scripts;
	bool known;  /* toc and scripts were read */
	char *paths; /* statements of the backup that set a search_path; NULL: not read yet */
};

/* Before anything is done: see that the file can be written.  False (reported) if not. */
extern bool object_errors_begin(const RestorePlan *plan);

/* The archive's entries and their scripts; NULL (reported) on failure. */
extern ObjectErrors *object_errors_with_scripts(const RestorePlan *plan);

/*
 * Note one, from any thread, and warn.  `entry` may be NULL; `missing`: its
 * object is not there.  `statement` NULL means that `rows` rows are missing.
 */
extern void object_errors_add(const RestorePlan *plan, const TocEntry *entry, bool missing,
							  const char *label, const char *statement, const char *error,
							  uint64_t rows);

/* The owner of a table of the backup; "" if it has no entry. */
extern const char *object_errors_owner(const RestorePlan *plan, uint32_t oid);

/* Is the object of this entry among them? */
extern bool object_errors_has(const RestorePlan *plan, int entry);

/*
 * Run commands of a member, or those for a large object; if they fail, one by
 * one, and note what fails.  False (reported) if nothing more can be run.
 */
extern bool object_errors_run(const RestorePlan *plan, Connection *connection, const char *label,
							  const char *sql);

/* At the end: write the file, and say that the restore is incomplete, if it is. */
extern bool object_errors_finish(const RestorePlan *plan);

/* The last line: an error, for exit code 1. */
extern bool object_errors_report(const RestoreResult *result);

extern void object_errors_free(ObjectErrors *errors);

#endif /* NEX_OBJECT_ERRORS_H */
