/*-------------------------------------------------------------------------
 *
 * archive_listing.h
 *	  The table of contents of the schema archive, as pg_restore lists it,
 *	  and lists that tell pg_restore what to restore.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_ARCHIVE_LISTING_H
#define NEX_ARCHIVE_LISTING_H

#include "restore_plan.h"

typedef struct ArchiveEntry
{
	int id;
	uint32_t place; /* in entries; for arrays about them */
	unsigned catalog;
	unsigned oid;
	char *text; /* "INDEX audit log_invoice_idx postgres"; names may be mangled */
	int *depends_on;
	int ndepends_on;
} ArchiveEntry;

typedef struct ArchiveListing
{
	ArchiveEntry *entries; /* in the order of the archive: nothing depends on a later one */
	uint32_t count;
	ArchiveEntry **by_id; /* sorted by id */
} ArchiveListing;

/*
 * Run pg_restore --list with one more option: "--verbose" lists everything,
 * with dependencies, and must list as much as the archive says that it has;
 * "--section=post-data" what belongs to that section, which must be among
 * `all` (NULL for the list of everything).  False (reported) on failure.
 */
extern bool archive_listing_read(const RestorePlan *plan, const char *option,
								 const ArchiveListing *all, ArchiveListing *listing);
extern void archive_listing_free(ArchiveListing *listing);

/* The entry with this id, or NULL. */
extern ArchiveEntry *archive_listing_find(const ArchiveListing *listing, int id);

/* Is it of this kind ("INDEX", which "INDEX ATTACH" is not)? */
extern bool archive_entry_is(const ArchiveEntry *entry, const char *kind);

/*
 * Write a list for pg_restore --use-list; its path (caller frees), or NULL
 * with an errno value.  `number` must be new.
 */
extern char *archive_list_write(const RestorePlan *plan, const int *ids, uint32_t count, int number,
								int *error);

/* Report such an error; always false. */
extern bool archive_list_failed(const RestorePlan *plan, int error);

#endif /* NEX_ARCHIVE_LISTING_H */
