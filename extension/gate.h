/*-------------------------------------------------------------------------
 *
 * gate.h
 *	  Whose authority counts: that of the call, not that of the session.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_GATE_H
#define NEX_GATE_H

#include "postgres.h"

#include "fmgr.h"

/* ERROR within a security-restricted operation, such as somebody's index in an ANALYZE. */
extern void gate_refuse_restricted(void);

/* The role that has called the public function which is at work.  ERROR if there is none. */
extern Oid gate_caller(void);

/* The role that has called whatever of the extension is at work.  InvalidOid if nothing is. */
extern Oid gate_role_of_call(void);

/*
 * The caller for the SQL of version 0.2.0, which knows no gate: the role outside
 * of all SECURITY DEFINER functions.  ERROR within a security-restricted operation.
 */
extern Oid gate_caller_0_2_0(void);

/*
 * Hold the extension and call, as its owner, a function of schema nex_backup that
 * is a part of it, and gives nothing.  The call has its arguments, and no flinfo yet.
 */
extern void gate_call_member(const char *name, FunctionCallInfo call, const Oid *types);

/* Call the function that does the work of this one, while the extension, which is held, stays so.
 */
extern Datum gate_call_implementation(Oid extension, Oid relation, FunctionCallInfo fcinfo);

/* Before a long wait: the public function that is at work holds the extension no longer. */
extern void gate_give_back(void);

#endif /* NEX_GATE_H */
