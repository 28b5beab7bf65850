/*-------------------------------------------------------------------------
 *
 * key_sheet.h
 *	  The recovery sheet: what must be at hand on paper when nothing else is.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_KEY_SHEET_H
#define NEX_KEY_SHEET_H

#include "repository.h"

/* Print it; secret keys are on it if they were given. */
extern void key_sheet_print(const Repository *repository);

#endif /* NEX_KEY_SHEET_H */
