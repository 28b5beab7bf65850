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

#include "globals_restore.h"

/* Its numbers as JSON. */
extern json_t *globals_restore_json(const GlobalsRestore *restore);

#endif /* NEX_GLOBALS_REPORT_H */
