/*-------------------------------------------------------------------------
 *
 * post_batch.h
 *	  Entries that come after the rows, made together or one by one.
 *
 * Apart from in_place_post.c, as protections.c makes by it what protects tables.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_POST_BATCH_H
#define NEX_POST_BATCH_H

#include "definitions.h"
#include "rename.h"
#include "restore_plan.h"

#define POST_DATA_FAILURE "could not restore the post-data section"

/* What runs together. */
typedef struct PostBatch
{
	RestorePlan *plan;
	Connection *connection;
	const RenameMap *map;
	int *ids;
	uint32_t count;
	bool plain; /* nothing in it makes a table compute more than it did, or runs as others */
	bool texts; /* of few entries: take their scripts out of the one that has all */
} PostBatch;

/* Make what is in it; it is empty then.  False (reported) on failure. */
extern bool batch_run(PostBatch *batch);

/* Before what calls functions that were made: they must be those of the backup. */
extern bool batch_run_and_look(PostBatch *batch);
extern void batch_add(PostBatch *batch, const TocEntry *entry);

/*
 * One entry for which the server plans queries: *done if it was made.  What computes code of others
 * is run as their owner, and all else with the batch.
 */
extern bool batch_plan(PostBatch *batch, const TocEntry *entry, bool *done);

/* One entry whose code may change no definition but by what the entry itself is. */
extern bool batch_run_watched(PostBatch *batch, const TocEntry *entry, DefinitionsStep step);

/* One entry that the session restores. */
extern bool batch_take(PostBatch *batch, const TocEntry *entry);

/* Make entries that come after the rows now, in this order. */
extern bool in_place_take(RestorePlan *plan, Connection *connection, const RenameMap *map,
						  const TocEntry *const *entries, uint32_t count);

#endif /* NEX_POST_BATCH_H */
