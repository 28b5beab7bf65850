/*-------------------------------------------------------------------------
 *
 * leftovers.h
 *	  Files that no backup needs: objects that no manifest names, unfinished
 *	  files, companions of manifests that are gone.
 *
 * Finding is harmless at any time, and then a guess: a running backup's
 * objects look like leftovers.  Only what is found under the exclusive lock
 * may be removed.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_LEFTOVERS_H
#define NEX_LEFTOVERS_H

#include "backup_name.h"
#include "object_set.h"
#include "repository.h"

typedef enum LeftoverKind
{
	LEFTOVER_OBJECT,
	LEFTOVER_TEMPORARY,
	LEFTOVER_COMPANION,
	LEFTOVER_WAL, /* these are not found here; the order is that of the WAL, system by system */
	LEFTOVER_KINDS
} LeftoverKind;

typedef struct Leftover
{
	LeftoverKind kind;
	char *path;
	uint64_t bytes;
	double age; /* as in StoreEntry; negative where nobody asked */
} Leftover;

typedef struct Leftovers
{
	Leftover *items;
	size_t count;
	uint64_t number[LEFTOVER_KINDS];
	uint64_t bytes[LEFTOVER_KINDS];
	uint64_t waiting; /* of those that were found, not removed yet: see condemned.h */
	uint64_t waiting_bytes;
	uint64_t locked; /* that the storage does not let anybody remove yet */
	uint64_t locked_bytes;
	double locked_until; /* the latest time that is known of them; 0: none is */
} Leftovers;

/*
 * Find all leftovers beside the backups that there are, which are these.  False
 * (reported) on an I/O error, or, with *damaged, if a manifest cannot be read
 * (each is reported): then nobody knows what is needed, and no object may be
 * removed.
 */
extern bool leftovers_find(Repository *repository, const BackupName *names, int count,
						   Leftovers *leftovers, bool *damaged);

/* Take down one more, of any other kind; directories end in "/". */
extern void leftovers_add(Leftovers *leftovers, LeftoverKind kind, const char *directory,
						  const char *name, uint64_t bytes, double age);

extern void leftovers_free(Leftovers *leftovers);

#endif /* NEX_LEFTOVERS_H */
