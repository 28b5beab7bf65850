/*-------------------------------------------------------------------------
 *
 * globals_strangers.h
 *	  Roles of the server that are others than those of this name in the backup.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_GLOBALS_STRANGERS_H
#define NEX_GLOBALS_STRANGERS_H

#include "globals_plan.h"

/*
 * A role of the server that can do more than the one of this name in the
 * backup is another one, to which nothing of the backup may apply: refused
 * (reported, false), or left out with --existing-roles=keep.  Memberships in
 * other roles that exist are named.
 */
extern bool globals_check_strangers(GlobalsRestore *restore, const GlobalsStatements *present);

#endif /* NEX_GLOBALS_STRANGERS_H */
