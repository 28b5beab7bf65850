/*-------------------------------------------------------------------------
 *
 * selection_report.h
 *	  What is said of a selection.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_SELECTION_REPORT_H
#define NEX_SELECTION_REPORT_H

#include "chosen.h"

/* Fill the lines. */
extern void selection_report(Selection *selection);

#endif /* NEX_SELECTION_REPORT_H */
