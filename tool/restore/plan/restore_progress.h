/*-------------------------------------------------------------------------
 *
 * restore_progress.h
 *	  How far a restore has come: what its steps have done so far.
 *
 * Apart from the plan, which says what is to be done and which most steps only
 * read.  Each field, or group of them, is written by one source, and read by
 * those that come later, or that tidy up.  What those who asked want to know is
 * in the result (restore_result.h).
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_RESTORE_PROGRESS_H
#define NEX_RESTORE_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

typedef struct TakenDatabase TakenDatabase;
typedef struct EntryScripts EntryScripts;
typedef struct ObjectErrors ObjectErrors;
typedef struct MeanwhileRights MeanwhileRights;
typedef struct Protections Protections;

typedef struct RestoreProgress
{
	/* The database that is being filled (restore/target/). */
	bool created;         /* we created it, so a failure removes it */
	char *mark;           /* the comment of one that we created, until it is complete */
	bool mark_gone;       /* it is taken away, or is about to be */
	bool is_public;       /* PUBLIC has again what it has in a new database */
	bool opened;          /* the last step was done */
	bool unreachable;     /* its settings keep everybody out (reachable.h) */
	TakenDatabase *taken; /* what it was like, if it was there */

	int *early; /* entries of the archive that were built while rows were loaded */
	uint32_t nearly;

	/* With --on-object-error=skip (object_errors.h). */
	ObjectErrors *errors; /* NULL: the first error ends the restore */

	/* The transaction of a part. */
	EntryScripts *scripts;    /* of the archive's entries; NULL: not read yet (part_scripts.c) */
	bool *late_values;        /* by place: of types that come with it (live_types.c), or NULL */
	MeanwhileRights *rights;  /* that are to be given (rights_meanwhile.c), or NULL */
	Protections *protections; /* of tables, before the next turn (protections.c), or NULL */
	bool unbound;             /* something was made that bound_objects.c has not looked at */
	bool unbound_rows;        /* the same, but only rows of a table call it */
	char *role_changes;       /* what it did to roles (role_changes.c), or NULL */
} RestoreProgress;

#endif /* NEX_RESTORE_PROGRESS_H */
