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

typedef struct Source
{
	Repository *repository;
	Connection *connection;
	const BackupSettings *settings;
} Source;

static bool
check_source(BackupDraft *draft, void *argument)
{
	const Source *source = argument;
	Manifest *manifest = draft_manifest(draft);

	return standby_check(source->connection, manifest, draft_previous(draft)) &&
		   server_identity_check(source->repository, draft_owner(draft), manifest,
								 draft_previous(draft), source->settings->same_server);
}

bool
server_draft_begin(BackupDraft *draft, Repository *repository, Connection *connection,
				   const BackupSettings *settings)
{
	Source source = {repository, connection, settings};

	return draft_begin(draft, check_source, &source);
}
