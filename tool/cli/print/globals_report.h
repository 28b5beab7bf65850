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

#include "globals_request.h"

/* Its numbers as JSON. */
extern json_t *globals_restore_json(const GlobalsResult *result);

/* The same as one line for people. */
extern void globals_restore_print(const GlobalsResult *result, double seconds);

#endif /* NEX_GLOBALS_REPORT_H */
