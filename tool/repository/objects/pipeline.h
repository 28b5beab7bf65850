/*-------------------------------------------------------------------------
 *
 * pipeline.h
 *	  From raw SQL text to stored objects: pieces, compressors, results.
 *
 * A worker fills a piece (one big buffer) with members of raw text and hands
 * it over; a compressor thread turns each member into a frame, stores the
 * frames as one object, notes where they lie and gives the buffer back.  The
 * number of pieces is fixed, so memory is bounded whatever the database's
 * size; only a row that is larger than a piece makes one grow, for as long
 * as it lasts.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_PIPELINE_H
#define NEX_PIPELINE_H

#include "manifest.h"
#include "object_store.h"

#define PIECE_BYTES (8 * 1024 * 1024)

/* One member within a piece's raw text. */
typedef struct Segment
{
	MemberKind kind;
	int32_t table; /* position in the manifest; -1: not data */
	size_t start;
	size_t end;
	uint64_t rows;
	bool has_blocks;
	uint32_t block_from;
	uint32_t block_to;
} Segment;

typedef struct Piece
{
	Buffer raw;
	Segment *segments;
	int nsegments;
	int segments_allocated;
	uint32_t ordinal;  /* of the chunk */
	uint32_t sequence; /* of the piece within the chunk */
	struct Piece *next;
} Piece;

typedef struct Pipeline Pipeline;

/* Start `compressors` threads; `pieces` buffers go around.  NULL (reported) if none can be started.
 */
extern Pipeline *pipeline_start(ObjectStore *store, Codec codec, int level, int compressors,
								int pieces);

/* An empty piece; waits for one.  NULL when work must stop. */
extern Piece *pipeline_take(Pipeline *pipeline, uint32_t ordinal, uint32_t sequence);

/* Hand over a filled piece (or give back an empty one). */
extern void pipeline_submit(Pipeline *pipeline, Piece *piece);

/* Begin a member at the end of a piece's text; end it with piece_end_segment(). */
extern Segment *piece_begin_segment(Piece *piece, MemberKind kind, int32_t table);
extern void piece_end_segment(Piece *piece);

/* Wait until everything is stored, and end the threads.  False if anything could not be stored. */
extern bool pipeline_finish(Pipeline *pipeline);

/*
 * Then add the stored pieces whose members are of this kind to the manifest, in
 * the order of (ordinal, sequence): large objects follow all data.
 */
extern void pipeline_add_to_manifest(Pipeline *pipeline, MemberKind kind, Manifest *manifest);
/* As which objects the pieces were stored, by their ordinals, each of which has one piece. */
extern void pipeline_ids(const Pipeline *pipeline, DigestHex *ids, size_t count);

extern void pipeline_free(Pipeline *pipeline);

#endif /* NEX_PIPELINE_H */
