/*-------------------------------------------------------------------------
 *
 * window_report.h
 *	  To which moments servers can be recovered, as text and as JSON.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_WINDOW_REPORT_H
#define NEX_WINDOW_REPORT_H

#include <jansson.h>

#include "recovery_windows.h"

/* Of one server. */
extern void windows_print(const RecoveryWindows *windows);
extern json_t *windows_json(const RecoveryWindows *windows);

#endif /* NEX_WINDOW_REPORT_H */
