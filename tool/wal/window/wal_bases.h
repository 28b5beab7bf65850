/*-------------------------------------------------------------------------
 *
 * wal_bases.h
 *	  The base backups of a system, as their manifests and verifications have
 *	  them.
 *
 * No key is needed: where a base backup begins and ends is outside of what is
 * encrypted.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_WAL_BASES_H
#define NEX_WAL_BASES_H

#include "repository.h"
#include "wal_reach.h"

/*
 * Those of a system among some names.  How many could not be read, which has been said by a
 * warning if it was no damage; to be freed by free(bases->items).
 */
extern int wal_bases_read(Repository *repository, const BackupName *names, int count,
						  uint64_t system_identifier, WalBases *bases);

/* The system of base backups with this name. */
extern uint64_t wal_system_of(const BackupName *name);

#endif /* NEX_WAL_BASES_H */
