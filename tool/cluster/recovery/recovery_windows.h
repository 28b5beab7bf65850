/*-------------------------------------------------------------------------
 *
 * recovery_windows.h
 *	  To which moments a server can be recovered: the windows that base backups
 *	  and WAL make, and the last transaction in each.
 *
 * Apart from wal_reach.h, which needs names and manifests only: here the ends
 * of the WAL are read, which takes a key in an encrypted repository.  That
 * nothing of it is damaged is not shown; a recovery reads all of it first.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_RECOVERY_WINDOWS_H
#define NEX_RECOVERY_WINDOWS_H

#include "wal_reach.h"
#include "wal_records.h"

typedef struct RecoveryWindows
{
	WalInventory inventory;
	WalBases bases;
	int unread; /* base backups whose manifests could not be */
	WalWindows windows;
	WalEvent *ends; /* the last transaction of each; of kind OTHER: not known */
} RecoveryWindows;

/* Of one system, whose base backups are among these.  False: reported.  To be freed in any case. */
extern bool recovery_windows_find(Repository *repository, const BackupName *names, int count,
								  uint64_t system_identifier, RecoveryWindows *windows);
extern void recovery_windows_free(RecoveryWindows *windows);

#endif /* NEX_RECOVERY_WINDOWS_H */
