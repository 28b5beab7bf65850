/*-------------------------------------------------------------------------
 *
 * entry_scripts.h
 *	  What pg_restore makes of each entry of the schema archive.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_ENTRY_SCRIPTS_H
#define NEX_ENTRY_SCRIPTS_H

#include "restore_plan.h"

typedef struct EntryScript
{
	int id;
	char *text;     /* its statements */
	char *settings; /* statements that set tablespace and access method for it */
} EntryScript;

struct EntryScripts
{
	char *head;         /* settings of the session */
	EntryScript *items; /* in the order in which pg_restore runs them */
	uint32_t count;
	uint32_t *places; /* by id: its place among the items, plus 1; 0: it has no statements */
	int nplaces;
};

/* False (reported) on failure; entry_scripts_free() in any case. */
extern bool entry_scripts_read(const RestorePlan *plan, EntryScripts *scripts);
extern void entry_scripts_free(EntryScripts *scripts);

/* Those of an entry; NULL: it has none. */
extern const EntryScript *entry_scripts_find(const EntryScripts *scripts, int id);

/* Cut what pg_restore --verbose wrote; for entry_scripts_read() and tests. */
extern void entry_scripts_cut(const char *script, EntryScripts *scripts);

/*
 * Behind the statement that begins here: as sql_statement_end(), but a body
 * in BEGIN ATOMIC ... END is one piece.
 */
extern const char *entry_statement_end(const char *text);

#endif /* NEX_ENTRY_SCRIPTS_H */
