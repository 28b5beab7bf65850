/*-------------------------------------------------------------------------
 *
 * refused_rows.h
 *	  Tables whose rows the server refused, in a restore that goes on.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_REFUSED_ROWS_H
#define NEX_REFUSED_ROWS_H

#include "restore_plan.h"

typedef struct RefusedRows RefusedRows;

extern RefusedRows *refused_rows_create(const RestorePlan *plan);
extern void refused_rows_free(RefusedRows *refused);

/* From any thread: note a table (position in the manifest) and why; takes `said` over. */
extern void refused_rows_add(RefusedRows *refused, int32_t table, char *said, const char *state);

/* Is the table among them?  `refused` may be NULL. */
extern bool refused_rows_has(RefusedRows *refused, int32_t table);

/*
 * When all other rows are there: try each once more, also without the
 * constraints that refuse them, and note what is still refused.  False
 * (reported) if nothing more can be loaded.
 */
extern bool refused_rows_run(RefusedRows *refused);

/* How many rows of such a table are there in the end. */
extern uint64_t refused_rows_loaded(const RefusedRows *refused, int32_t table);

#endif /* NEX_REFUSED_ROWS_H */
