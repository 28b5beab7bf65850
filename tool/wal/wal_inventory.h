/*-------------------------------------------------------------------------
 *
 * wal_inventory.h
 *	  What WAL there is of one system identifier: ranges of segments, and
 *	  what is missing between them.
 *
 * All of it comes from the names.  Only where a timeline left another one
 * is in the history files, which need a key in an encrypted repository.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_WAL_INVENTORY_H
#define NEX_WAL_INVENTORY_H

#include "wal_history.h"
#include "wal_system.h"

/* Segments without one missing, by number, the last one included; or those that are missing. */
typedef struct WalRange
{
	uint32_t timeline;
	uint64_t first;
	uint64_t last;
	uint64_t bytes; /* stored */
	double age;     /* of the last one, in seconds; negative: not known */
} WalRange;

typedef struct WalRanges
{
	WalRange *items;
	size_t count;
} WalRanges;

typedef struct WalInventory
{
	WalSystem system;
	WalListing listing; /* sorted by name, then content */
	WalRanges ranges;
	WalRanges gaps;
	WalHistory *histories;
	size_t nhistories;
	bool histories_unread; /* some could not be read, so gaps at the ends of timelines are not known
							*/
	const char **conflicts; /* names that two different files have */
	size_t nconflicts;
	uint64_t segments;
	uint64_t bytes;
} WalInventory;

/*
 * False: it could not be listed (reported).  To be freed in any case.
 */
extern bool wal_inventory_take(Repository *repository, uint64_t system_identifier,
							   WalInventory *inventory);

/*
 * The same, where there may be nothing of it, as in a copy, which has no WAL: then *there is false,
 * and the inventory is empty.
 */
extern bool wal_inventory_take_any(Repository *repository, uint64_t system_identifier,
								   WalInventory *inventory, bool *there);
extern void wal_inventory_free(WalInventory *inventory);

/* The history of a timeline, or NULL. */
extern const WalHistory *wal_inventory_history(const WalInventory *inventory, uint32_t timeline);

#endif /* NEX_WAL_INVENTORY_H */
