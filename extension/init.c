/*-------------------------------------------------------------------------
 *
 * init.c
 *	  The module itself.
 *
 *-------------------------------------------------------------------------
 */
#include "compat.h"

#include "utils/builtins.h"

#include "guard.h"
#include "leader.h"
#include "reserved.h"
#include "settings.h"
#include "shared_state.h"
#include "utility.h"
#include "version.h"

NEX_MODULE_MAGIC;

PG_FUNCTION_INFO_V1(nex_backup_is_preloaded);
PG_FUNCTION_INFO_V1(nex_backup_library_version);

static bool preloaded = false;

void _PG_init(void);

void
_PG_init(void)
{
	settings_define();
	preloaded = process_shared_preload_libraries_in_progress;
	/* pg_upgrade starts servers in which nothing must start by itself. */
	if (preloaded && !IsBinaryUpgrade)
	{
		shared_state_request();
		leader_register();
		guard_register();
		reserved_register();
		utility_register();
	}
}

/* Was the module loaded by shared_preload_libraries? */
Datum
nex_backup_is_preloaded(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(preloaded);
}

/*
 * nex_backup.library_version(): what this session has loaded, which need not be
 * what is installed.
 */
Datum
nex_backup_library_version(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(cstring_to_text(NEX_BACKUP_VERSION));
}
