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
	bool allow_unknown_sql; /* run what has no known form; of verify: only warn */
} PartSettings;

#endif /* NEX_PART_SETTINGS_H */
