/*-------------------------------------------------------------------------
 *
 * errand.h
 *	  What a session has done in a transaction other than its own.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_ERRAND_H
#define NEX_ERRAND_H

#include "postgres.h"

#define ERRAND_COLUMNS 3
#define ERRAND_TEXT 4096

/* The one row that came of an errand, as text; "" for NULL. */
typedef struct ErrandRow
{
	char columns[ERRAND_COLUMNS][ERRAND_TEXT];
} ErrandRow;

typedef enum ErrandKind
{
	ERRAND_REQUEST,      /* nex_backup.do_request(): run, notice, hint */
	ERRAND_REQUEST_0_2_0 /* nex_backup.do_errand() of version 0.2.0: one text */
} ErrandKind;

/*
 * Have a request done and committed by a background worker, in the name of a
 * role.  ERROR if it failed, and then nothing of it is left; also if this
 * statement is canceled meanwhile, and then the run that it entered is.
 */
extern void errand_do(ErrandKind kind, const char *request, Oid caller, ErrandRow *row);

/* Have a run canceled, without waiting for it; a WARNING if that cannot be done. */
extern void errand_cancel_run(int64 run, Oid caller);

/* In a background worker: connect, and do what is in its bgw_extra or what it got instead. */
extern void errand_work(const char *extra);

/* The run whose number a text begins with; 0: none. */
extern int64 errand_run_of(const char *text);

#endif /* NEX_ERRAND_H */
