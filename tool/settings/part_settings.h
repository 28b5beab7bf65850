/*-------------------------------------------------------------------------
 *
 * part_settings.h
 *	  Settings: which part of a backup is meant, and how it is restored.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_PART_SETTINGS_H
#define NEX_PART_SETTINGS_H

#include <stdbool.h>

#include "text_list.h"

typedef enum OnConflict
{
	ON_CONFLICT_ABORT,
	ON_CONFLICT_SKIP
} OnConflict;

/* Whose rights the code of a live table has while rows are added to it. */
typedef enum RowsAs
{
	ROWS_AS_OWNER,
	ROWS_AS_SESSION
} RowsAs;

typedef struct PartSettings
{
	TextList table;
	TextList schema;
	TextList exclude_table;
	char *as;
	bool append; /* --append, --data-only */
	bool schema_only;
	OnConflict on_conflict;
	bool disable_triggers;
	RowsAs rows_as;
	int owner_timeout; /* seconds for a turn of an owner's code, 0 = any number, default 1 hour */
	bool no_owner;
	bool no_privileges;
	char *role;             /* NULL: the user that connects */
	bool allow_unknown_sql; /* run what has no known form; of verify: only warn */
} PartSettings;

#endif /* NEX_PART_SETTINGS_H */
