/*-------------------------------------------------------------------------
 *
 * server_draft.c
 *	  Beginning the backup of something that a server has.
 *
 * A standby replays first what is on its way, as its position is then held
 * against that of the latest backup.
 *
 *-------------------------------------------------------------------------
 */
#include "server_draft.h"

#include "backup_settings.h"
#include "server_identity.h"
#include "standby.h"

bool
server_draft_begin(BackupDraft *draft, Repository *repository, Connection *connection,
				   const BackupSettings *settings)
{
	Manifest *manifest = draft_manifest(draft);

	return draft_begin(draft) && standby_check(connection, manifest, draft_previous(draft)) &&
		   server_identity_check(repository, draft_owner(draft), manifest, draft_previous(draft),
								 settings->same_server);
}
