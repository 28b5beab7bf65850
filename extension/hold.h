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

#include "nodes/nodes.h"

/*
 * Lock the extension against being dropped until the transaction ends, or until
 * hold_release(*relation).  InvalidOid if there is none.  ERROR if a part of it
 * is a role's that is not a superuser.
 */
extern Oid hold_extension(Oid *relation);

/* The same without an ERROR: *problem is NULL, or says what is wrong, and *hint what helps. */
extern Oid hold_extension_quietly(Oid *relation, char **problem, char **hint);

/* The same, but false where somebody is dropping or updating it. */
extern bool hold_extension_at_once(Oid *extension);

extern void hold_release(Oid relation);

/* ERROR if a utility statement makes an object of others depend on the extension. */
extern void hold_check_statement(const Node *statement);

/* ERROR: there is no such extension. */
extern _Noreturn void hold_no_extension(void);

#endif /* NEX_HOLD_H */
