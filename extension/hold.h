/*-------------------------------------------------------------------------
 *
 * hold.h
 *	  The extension, held and looked at before anything of it is run.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_HOLD_H
#define NEX_HOLD_H

#include "postgres.h"

/*
 * Lock the extension against being dropped until the transaction ends.
 * InvalidOid if there is none.  ERROR if a part of it belongs to a role that is
 * not a superuser.
 */
extern Oid hold_extension(void);

/* The same without an ERROR: *problem is NULL, or says what belongs to whom, and *hint what helps.
 */
extern Oid hold_extension_quietly(char **problem, char **hint);

/* For one who holds it already: ERROR if a part of it belongs to such a role. */
extern void check_extension_owners(Oid extension);

/* ERROR: there is no such extension. */
extern _Noreturn void hold_no_extension(void);

#endif /* NEX_HOLD_H */
