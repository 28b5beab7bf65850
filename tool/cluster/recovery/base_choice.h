/*-------------------------------------------------------------------------
 *
 * base_choice.h
 *	  To which timeline a recovery goes, and which base backups lead there.
 *
 * The timeline comes first.  A base backup may be the newest and be of a
 * timeline that was left, as after a recovery to a moment before it: to begin
 * with it would bring back what that recovery was to undo.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_BASE_CHOICE_H
#define NEX_BASE_CHOICE_H

#include "backup_name.h"
#include "repository.h"
#include "wal_inventory.h"

/* Where a base backup is consistent. */
typedef struct BasePlace
{
	bool is_read;
	bool damaged; /* or it could not be read; that was a warning */
	bool unread;  /* the latter */
	uint32_t timeline;
	uint64_t stop;
} BasePlace;

typedef struct BaseChoice
{
	Repository *repository;
	const WalInventory *inventory;
	const BackupName *names; /* the oldest first */
	int count;
	BasePlace *places;
	uint32_t timeline;
} BaseChoice;

/*
 * Choose the timeline: the wanted one, or the newest of the archive to which one of the base
 * backups leads (0).  False (reported) if there is none, or if its history cannot be read.
 * To be freed in any case.
 */
extern bool base_choice_make(Repository *repository, const WalInventory *inventory, uint32_t wanted,
							 const BackupName *names, int count, BaseChoice *choice);

/* The next older one that leads to the timeline; -1: none.  What is passed over is a warning. */
extern int base_choice_before(BaseChoice *choice, int i);
extern void base_choice_free(BaseChoice *choice);

#endif /* NEX_BASE_CHOICE_H */
