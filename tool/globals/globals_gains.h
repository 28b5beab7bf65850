/*-------------------------------------------------------------------------
 *
 * globals_gains.h
 *	  Roles of the server that would gain powers by a restore.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_GLOBALS_GAINS_H
#define NEX_GLOBALS_GAINS_H

#include "globals_plan.h"

/*
 * A role of the server that would gain powers without being named, as a member
 * of a role that the backup gives something: refused (reported, false), or
 * what it would gain is left out with --existing-roles=keep.
 */
extern bool globals_check_gains(GlobalsRestore *restore, const GlobalsStatements *present);

#endif /* NEX_GLOBALS_GAINS_H */
