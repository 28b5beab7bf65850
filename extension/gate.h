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

/* ERROR within a security-restricted operation, such as somebody's index in an ANALYZE. */
extern void gate_refuse_restricted(void);

/* The role that has called the public function which is at work.  ERROR if there is none. */
extern Oid gate_caller(void);

/*
 * The same for the SQL of version 0.2.0, which knows no gate: the role outside
 * of all SECURITY DEFINER functions.  ERROR within a security-restricted operation.
 */
extern Oid gate_caller_0_2_0(void);

#endif /* NEX_GATE_H */
