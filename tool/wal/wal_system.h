/*-------------------------------------------------------------------------
 *
 * wal_system.h
 *	  The WAL of one system identifier in a repository: what its servers have
 *	  in common, and what lies there.
 *
 * There is no index: the names of the files say all that is decided by.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_WAL_SYSTEM_H
#define NEX_WAL_SYSTEM_H

#include "repository_state.h"
#include "wal_name.h"
#include "wal_pages.h"

#define WAL_SYSTEM_FILE "cluster.json"
#define WAL_HISTORY_DIRECTORY "history"

typedef struct WalSystem
{
	Repository *repository;
	uint64_t id;
	uint32_t segment_size;
	uint32_t block_size;
	int major; /* of PostgreSQL */
} WalSystem;

/* Files of one directory or more. */
typedef struct WalListing
{
	WalFile *files;
	size_t count;
	char **unknown; /* paths of what is none of ours */
	size_t nunknown;
	bool absent;     /* there was no such directory */
	bool unfinished; /* a file is being written there, or was */
} WalListing;

/*
 * Read cluster.json.  False: *result is STORE_ABSENT if there is none, or else
 * it has been reported.
 */
extern bool wal_system_open(Repository *repository, uint64_t id, WalSystem *system,
							StoreResult *result);

/* The same, and write it if there is none, for a segment with this header. */
extern bool wal_system_create(Repository *repository, const WalHead *head, WalSystem *system);

/* The system identifiers; caller frees.  Other names go to `unknown`. */
extern StoreResult wal_systems(Repository *repository, uint64_t **ids, size_t *count,
							   WalListing *unknown);

/*
 * List a directory below wal/<system identifier>, at any depth; "" is all of
 * it.  One that is absent is empty.  To be freed in any case.
 */
extern StoreResult wal_list(const WalSystem *system, const char *directory, WalListing *listing);
extern void wal_listing_note(WalListing *listing, const char *path);
extern void wal_listing_free(WalListing *listing);

/* Report (exit 1) that it could not be listed; always false. */
extern bool wal_list_failed(const WalSystem *system, const StoreResult *result);

#endif /* NEX_WAL_SYSTEM_H */
