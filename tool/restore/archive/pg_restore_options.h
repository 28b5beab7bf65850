/*-------------------------------------------------------------------------
 *
 * pg_restore_options.h
 *	  Options that each pg_restore gets.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_PG_RESTORE_OPTIONS_H
#define NEX_PG_RESTORE_OPTIONS_H

#include <stddef.h>

#include "restore_plan.h"

/* Add --no-owner and --no-privileges to the arguments of pg_restore, and the final NULL. */
extern void pg_restore_add_options(const RestorePlan *plan, const char **argv, size_t *count);

#endif /* NEX_PG_RESTORE_OPTIONS_H */
