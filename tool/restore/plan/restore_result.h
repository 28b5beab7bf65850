/*-------------------------------------------------------------------------
 *
 * restore_result.h
 *	  What came of a restore.
 *
 * What failed, and why, is reported when it happens; this is what else there
 * is to say of it, whether it succeeded or not.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_RESTORE_RESULT_H
#define NEX_RESTORE_RESULT_H

#include <stdbool.h>
#include <stdint.h>

#include "lines.h"
#include "repository.h"

typedef struct ObjectErrors ObjectErrors;

/* What --append did to a table. */
typedef struct AppendResult
{
	char *target;       /* quoted name of the table that took the rows */
	uint64_t rows;      /* that were added */
	uint64_t conflicts; /* that were there already */
	uint64_t kept_out;  /* by a trigger, or by a constraint because of another row */
	bool untold;        /* … or they were there already: no key of plain columns says it */
} AppendResult;

typedef struct RestoreResult
{
	bool begun; /* it was possible, and agreed to */
	BackupName backup;
	Manifest *manifest;     /* what was wanted of it; NULL: it could not be read */
	char *database;         /* that was to be restored */
	char *restored_as;      /* where it is: beside it, if it is incomplete */
	char *kept_as;          /* where the one is that was there; NULL: none is kept */
	uint64_t rows;          /* that were restored */
	AppendResult *appended; /* a result per table of the manifest, with --append; or NULL */
	Lines *stays;           /* with the database that is kept (stays_behind.h); NULL: none */
	Lines *unpopulated;     /* materialized views without rows; NULL: nobody has looked */

	/* With --on-object-error=skip: */
	bool incomplete;
	ObjectErrors *errors; /* NULL: the first error ends the restore */

	/* A part of the backup. */
	bool partial;
	Lines brought; /* also restored: what the part needs */
	Lines used;    /* what it needs, too, and was there */
	Lines left_out;
} RestoreResult;

#endif /* NEX_RESTORE_RESULT_H */
