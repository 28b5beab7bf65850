/*-------------------------------------------------------------------------
 *
 * rename.h
 *	  --as: a table under another name, beside the one that has its name.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_RENAME_H
#define NEX_RENAME_H

#include "selection.h"

typedef struct Renamed
{
	const TocEntry *entry;
	char *old_name; /* of the table, sequence, or index; its schema is the entry's */
	char *schema;   /* new */
	char *name;
} Renamed;

typedef struct RenameMap
{
	Renamed *items;
	uint32_t count;
} RenameMap;

/* Parse --as; *schema is NULL if only a name was given.  False (reported, exit 2) if it is none. */
extern bool rename_parse_target(const char *text, char **schema, char **name);

/*
 * New names for the one table that a selection chose and for all that belongs
 * to it and shares the name space: partitions, sequences, indexes, statistics.
 * False (reported) if not exactly one was chosen, or a new name is taken.
 */
extern bool rename_plan(const Selection *selection, const Settings *settings, RenameMap *map);
extern void rename_free(RenameMap *map);

/* The new name of a relation; NULL if it keeps its own. */
extern const Renamed *rename_find(const RenameMap *map, const char *schema, const char *name);

/* The tables of the part under the names that they get, quoted, as an array of text. */
extern void rename_list_tables(const Selection *selection, const RenameMap *map, Buffer *array);

/* Put the new names into a script of pg_restore. */
extern void rename_script(const RenameMap *map, const char *script, Buffer *out);

/* A text with the new names, or a copy of it; `map` may be NULL.  Caller frees. */
extern char *rename_text(const RenameMap *map, const char *text);

#endif /* NEX_RENAME_H */
