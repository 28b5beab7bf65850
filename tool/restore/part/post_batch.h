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

#include "author_group.h"
#include "definitions.h"
#include "part_lists.h"
#include "rename.h"
#include "restore_plan.h"

#define POST_DATA_FAILURE "could not restore the post-data section"

/* What runs together. */
typedef struct PostBatch
{
	const RestorePlan *plan;
	Connection *connection;
	const RenameMap *map;
	AuthorGroup group; /* comes first */
	int *ids;
	uint32_t count;
	uint32_t *clean; /* by place: batch_judge() found nothing in this round, plus 1 */
	uint32_t round;  /* a new one begins with each turn of somebody else */
	uint32_t judged; /* places before this one need not be judged again */
	bool plain;      /* nothing in it makes a table compute more than it did, or runs as others */
} PostBatch;

/* An empty one; batch_free() in any case. */
extern PostBatch batch_of(const RestorePlan *plan, Connection *connection, const RenameMap *map);
extern void batch_free(PostBatch *batch);

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

/*
 * At an entry for which the server plans queries: look at those of its kind
 * that follow it in the list, together.
 */
extern bool batch_judge(PostBatch *batch, const TocEntry *entry, PartialList list);

/* One entry whose code may change no definition but by what the entry itself is. */
extern bool batch_run_watched(PostBatch *batch, const TocEntry *entry, DefinitionsStep step);

/* One entry that the session restores. */
extern bool batch_take(PostBatch *batch, const TocEntry *entry);

/* Make entries that come after the rows now, in this order. */
extern bool in_place_take(const RestorePlan *plan, Connection *connection, const RenameMap *map,
						  const TocEntry *const *entries, uint32_t count);

#endif /* NEX_POST_BATCH_H */
