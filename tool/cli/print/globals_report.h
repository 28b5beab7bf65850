/*-------------------------------------------------------------------------
 *
 * globals_report.h
 *	  What a restore of the globals says of itself.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_GLOBALS_REPORT_H
#define NEX_GLOBALS_REPORT_H

#include <jansson.h>

#include "globals_plan.h"

/* Its numbers as JSON. */
extern json_t *globals_restore_json(const GlobalsRestore *restore);

/* The same as one line for people. */
extern void globals_restore_print(const GlobalsRestore *restore, double seconds);

#endif /* NEX_GLOBALS_REPORT_H */
