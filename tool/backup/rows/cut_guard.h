/*-------------------------------------------------------------------------
 *
 * cut_guard.h
 *	  Who reads what next, and whether a query may be planned for it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_CUT_GUARD_H
#define NEX_CUT_GUARD_H

#include "chunk_plan.h"
#include "connection.h"

typedef struct CutGuard CutGuard;

/* A chunk that one worker reads. */
typedef struct ClaimedChunk
{
	Chunk chunk;    /* a copy; what it points to belongs to the plan */
	bool unplanned; /* read the whole table, by a COPY that is not planned, */
	uint64_t skip;  /* and leave out so many rows at its beginning, which are stored already */
	bool guarded;   /* until cut_guard_planned() nobody else gets a chunk */
} ClaimedChunk;

/*
 * Open the session that guards, if a table of the plan needs it.  Where it
 * cannot be opened, tables that need it are read whole.  Never NULL.
 */
extern CutGuard *cut_guard_create(ConnectionTarget *target, const SourceTables *tables,
								  ChunkPlan *plan);
extern void cut_guard_free(CutGuard *guard);

/* The next chunk for a worker; false when all are claimed, or work must stop.  Any thread. */
extern bool cut_guard_claim(CutGuard *guard, ClaimedChunk *claim);

/* The query of a guarded chunk has been planned, or failed; no harm in calling it again. */
extern void cut_guard_planned(CutGuard *guard, ClaimedChunk *claim);

/*
 * The query of a guarded chunk could not be planned: claim what is left of the
 * table instead, to be read without one.  False when work must stop; also
 * (reported) if the table can only be read by a query.
 */
extern bool cut_guard_give_up(CutGuard *guard, ClaimedChunk *claim);

/* All rows of the chunk have been read. */
extern void cut_guard_finished(CutGuard *guard, const ClaimedChunk *claim, uint64_t rows);

/*
 * May one more query over a table of the chunk be planned?  If it needs the
 * guard, it has it until cut_guard_planned().
 */
extern bool cut_guard_hold(CutGuard *guard, int table, ClaimedChunk *claim);

/* How many tables could not be cut for want of the guard. */
extern int cut_guard_whole_tables(const CutGuard *guard);

#endif /* NEX_CUT_GUARD_H */
