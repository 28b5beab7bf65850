/*-------------------------------------------------------------------------
 *
 * copy_stream.h
 *	  What a worker of the backup holds while it streams one chunk.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_COPY_STREAM_H
#define NEX_COPY_STREAM_H

#include <stdatomic.h>

#include "chunk_plan.h"
#include "cut_guard.h"
#include "pipeline.h"
#include "snapshot.h"
#include "source_table.h"

#define ROW_ROOM (64 * 1024) /* less room than this in a piece counts as full */

/* What all workers share. */
typedef struct CopyWork
{
	const Snapshot *snapshot;
	const SourceTables *tables;
	char **restore_statements; /* per table */
	int32_t *manifest_tables;  /* position of each table in the manifest */
	CutGuard *guard;           /* hands out the chunks */
	bool locked;               /* workers have all tables locked */
	Pipeline *pipeline;
	const atomic_bool *stale; /* this snapshot is not worth copying any more */
	_Atomic(char *) *moved;   /* the first table whose name became another's, allocated */
	Connection **workers;     /* in the snapshot; a thread closes the one that it used */
	atomic_int next_worker;   /* that no thread has taken yet */
} CopyWork;

/* What a worker holds while it streams one chunk. */
typedef struct CopyStream
{
	const CopyWork *work;
	Connection *connection;
	ClaimedChunk *claim;
	const Chunk *chunk; /* of the claim */
	Piece *piece;
	uint32_t sequence; /* of the next piece */
	bool streaming;    /* the last wait brought rows */
} CopyStream;

/*
 * Has the piece no room for more rows?  Its length says so, and not its capacity, which grows with
 * a long row: so a piece is at most that large, and the row that it ends with.
 */
extern bool copy_stream_piece_is_full(const CopyStream *stream);

/* Make sure that there is a piece with room; hands over a full one.  False when work must stop. */
extern bool copy_stream_need_piece(CopyStream *stream);

#endif /* NEX_COPY_STREAM_H */
