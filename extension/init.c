/*-------------------------------------------------------------------------
 *
 * init.c
 *	  The module itself.
 *
 *-------------------------------------------------------------------------
 */
#include "compat.h"

#include "utils/builtins.h"

NEX_MODULE_MAGIC;

PG_FUNCTION_INFO_V1(nex_backup_is_preloaded);

static bool preloaded = false;

void _PG_init(void);

/* No settings yet, but a name that looks like one is a mistake that should be heard of. */
void
_PG_init(void)
{
	MarkGUCPrefixReserved("nex_backup");
	preloaded = process_shared_preload_libraries_in_progress;
}

/* Was the module loaded by shared_preload_libraries? */
Datum
nex_backup_is_preloaded(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(preloaded);
}
