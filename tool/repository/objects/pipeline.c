/*-------------------------------------------------------------------------
 *
 * pipeline.c
 *	  Pieces on their way from workers to the repository.
 *
 * Two lists and two condition variables: free pieces, for which workers
 * wait, and filled ones, for which compressors wait.  Nothing else is shared
 * but the list of results.
 *
 *-------------------------------------------------------------------------
 */
#include "pipeline.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "interrupt.h"
#include "log.h"
#include "memory.h"
#include "progress.h"

/* A stored piece: one object, its members, and its place in the manifest. */
typedef struct StoredPiece
{
	uint32_t ordinal;
	uint32_t sequence;
	ManifestObject object;
	Member *members;
	int nmembers;
} StoredPiece;

struct Pipeline
{
	pthread_mutex_t lock;
	pthread_cond_t piece_free;
	pthread_cond_t piece_filled;
	Piece *free_pieces;
	Piece *filled_head;
	Piece **filled_tail;
	bool closing; /* no more pieces will come */

	ObjectStore *store;
	Codec codec;
	int level;
	pthread_t *threads;
	int nthreads;
	Piece *pieces;
	int npieces;

	StoredPiece *stored;
	size_t nstored;
	size_t nsubmitted; /* with something in them */
	_Atomic bool failed;
};

/* Wait on a condition, but look up now and then: a stop does not signal it. */
static void
wait_a_little(pthread_cond_t *condition, pthread_mutex_t *lock)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += 200 * 1000 * 1000;
	if (until.tv_nsec >= 1000 * 1000 * 1000)
	{
		until.tv_nsec -= 1000 * 1000 * 1000;
		until.tv_sec++;
	}
	pthread_cond_timedwait(condition, lock, &until);
}

/* The next filled piece, or NULL at the end. */
static Piece *
next_filled(Pipeline *pipeline)
{
	Piece *piece;

	pthread_mutex_lock(&pipeline->lock);
	while (pipeline->filled_head == NULL && !pipeline->closing && !stop_requested())
		wait_a_little(&pipeline->piece_filled, &pipeline->lock);
	piece = pipeline->filled_head;
	if (piece != NULL)
	{
		pipeline->filled_head = piece->next;
		if (pipeline->filled_head == NULL)
			pipeline->filled_tail = &pipeline->filled_head;
	}
	pthread_mutex_unlock(&pipeline->lock);
	return piece;
}

/* Put a piece back among the free ones; a buffer that grew is shrunk. */
static void
release_piece(Pipeline *pipeline, Piece *piece)
{
	piece->nsegments = 0;
	buffer_reset(&piece->raw);
	if (piece->raw.capacity > 2 * PIECE_BYTES)
	{
		buffer_free(&piece->raw);
		buffer_init(&piece->raw);
	}
	pthread_mutex_lock(&pipeline->lock);
	piece->next = pipeline->free_pieces;
	pipeline->free_pieces = piece;
	pthread_cond_signal(&pipeline->piece_free);
	pthread_mutex_unlock(&pipeline->lock);
}

static void
keep_result(Pipeline *pipeline, const StoredPiece *result)
{
	pthread_mutex_lock(&pipeline->lock);
	if ((pipeline->nstored & (pipeline->nstored - 1)) == 0)
		pipeline->stored =
			xrealloc(pipeline->stored,
					 (pipeline->nstored == 0 ? 1 : pipeline->nstored * 2) * sizeof(StoredPiece));
	pipeline->stored[pipeline->nstored++] = *result;
	pthread_mutex_unlock(&pipeline->lock);
}

/* Compress every member of a piece and store the frames as one object. */
static bool
store_piece(Pipeline *pipeline, Compressor *compressor, const Piece *piece, Buffer *frames)
{
	StoredPiece result = {.ordinal = piece->ordinal, .sequence = piece->sequence};
	int i;

	buffer_reset(frames);
	result.members = xcalloc((size_t) piece->nsegments, sizeof(Member));
	result.nmembers = piece->nsegments;
	for (i = 0; i < piece->nsegments; i++)
	{
		const Segment *segment = &piece->segments[i];
		Member *member = &result.members[i];

		member->kind = segment->kind;
		member->table = segment->table;
		member->rows = segment->rows;
		member->has_blocks = segment->has_blocks;
		member->block_from = segment->block_from;
		member->block_to = segment->block_to;
		member->raw = segment->end - segment->start;
		member->offset = frames->length;
		if (!compressor_frame(compressor, piece->raw.data + segment->start, member->raw, frames))
		{
			size_t length = (size_t) member->raw;

			free(result.members);
			return report_error(EXIT_FAILED, NULL, NULL, "could not compress %zu bytes", length);
		}
		member->length = frames->length - member->offset;
	}
	if (!object_store_put(pipeline->store, frames->data, frames->length, &result.object))
	{
		free(result.members);
		return false;
	}
	atomic_fetch_add(&progress.stored_bytes, result.object.bytes);
	keep_result(pipeline, &result);
	return true;
}

static void *
compress_pieces(void *argument)
{
	Pipeline *pipeline = argument;
	Compressor *compressor = compressor_create(pipeline->codec, pipeline->level);
	Buffer frames;
	Piece *piece;

	buffer_init(&frames);
	if (compressor == NULL)
	{
		pipeline->failed = true;
		report_error(EXIT_FAILED, NULL, NULL, "out of memory");
		stop_request();
	}
	while (compressor != NULL && (piece = next_filled(pipeline)) != NULL)
	{
		if (!stop_requested() && !store_piece(pipeline, compressor, piece, &frames))
		{
			pipeline->failed = true;
			stop_request();
		}
		release_piece(pipeline, piece);
		if (frames.capacity > 2 * PIECE_BYTES)
			buffer_free(&frames);
	}
	buffer_free(&frames);
	compressor_free(compressor);
	return NULL;
}

/* One is enough for the work to be done, none is not. */
static bool
start_threads(Pipeline *pipeline, int wanted)
{
	int error = 0;
	int i;

	for (i = 0; i < wanted && error == 0; i++)
	{
		error = pthread_create(&pipeline->threads[i], NULL, compress_pieces, pipeline);
		if (error == 0)
			pipeline->nthreads++;
	}
	if (pipeline->nthreads == 0)
		return report_error(EXIT_FAILED, strerror(error), NULL, "could not start a thread");
	if (pipeline->nthreads < wanted)
		log_warning("could not start more than %d of %d threads that compress: %s",
					pipeline->nthreads, wanted, strerror(error));
	return true;
}

Pipeline *
pipeline_start(ObjectStore *store, Codec codec, int level, int compressors, int pieces)
{
	Pipeline *pipeline = xcalloc(1, sizeof(Pipeline));
	int i;

	pthread_mutex_init(&pipeline->lock, NULL);
	pthread_cond_init(&pipeline->piece_free, NULL);
	pthread_cond_init(&pipeline->piece_filled, NULL);
	pipeline->filled_tail = &pipeline->filled_head;
	pipeline->store = store;
	pipeline->codec = codec;
	pipeline->level = level;
	pipeline->pieces = xcalloc((size_t) pieces, sizeof(Piece));
	pipeline->npieces = pieces;
	for (i = 0; i < pieces; i++)
	{
		buffer_init(&pipeline->pieces[i].raw);
		pipeline->pieces[i].next = pipeline->free_pieces;
		pipeline->free_pieces = &pipeline->pieces[i];
	}
	pipeline->threads = xcalloc((size_t) compressors, sizeof(pthread_t));
	if (start_threads(pipeline, compressors))
		return pipeline;
	pipeline_free(pipeline);
	return NULL;
}

Piece *
pipeline_take(Pipeline *pipeline, uint32_t ordinal, uint32_t sequence)
{
	Piece *piece;

	pthread_mutex_lock(&pipeline->lock);
	while (pipeline->free_pieces == NULL && !stop_requested())
		wait_a_little(&pipeline->piece_free, &pipeline->lock);
	piece = stop_requested() ? NULL : pipeline->free_pieces;
	if (piece != NULL)
		pipeline->free_pieces = piece->next;
	pthread_mutex_unlock(&pipeline->lock);
	if (piece == NULL)
		return NULL;
	piece->ordinal = ordinal;
	piece->sequence = sequence;
	piece->next = NULL;
	buffer_reserve(&piece->raw, PIECE_BYTES);
	return piece;
}

void
pipeline_submit(Pipeline *pipeline, Piece *piece)
{
	if (piece->nsegments == 0)
	{
		release_piece(pipeline, piece);
		return;
	}
	pthread_mutex_lock(&pipeline->lock);
	pipeline->nsubmitted++;
	*pipeline->filled_tail = piece;
	pipeline->filled_tail = &piece->next;
	pthread_cond_signal(&pipeline->piece_filled);
	pthread_mutex_unlock(&pipeline->lock);
}

Segment *
piece_begin_segment(Piece *piece, MemberKind kind, int32_t table)
{
	Segment *segment;

	if (piece->nsegments == piece->segments_allocated)
	{
		piece->segments_allocated =
			piece->segments_allocated == 0 ? 16 : piece->segments_allocated * 2;
		piece->segments =
			xrealloc(piece->segments, (size_t) piece->segments_allocated * sizeof(Segment));
	}
	segment = &piece->segments[piece->nsegments++];
	memset(segment, 0, sizeof(*segment));
	segment->kind = kind;
	segment->table = table;
	segment->start = piece->raw.length;
	return segment;
}

void
piece_end_segment(Piece *piece)
{
	piece->segments[piece->nsegments - 1].end = piece->raw.length;
}

bool
pipeline_finish(Pipeline *pipeline)
{
	int i;

	pthread_mutex_lock(&pipeline->lock);
	pipeline->closing = true;
	pthread_cond_broadcast(&pipeline->piece_filled);
	pthread_mutex_unlock(&pipeline->lock);
	for (i = 0; i < pipeline->nthreads; i++)
		pthread_join(pipeline->threads[i], NULL);
	pipeline->nthreads = 0;
	if (!pipeline->failed && !stop_requested() && pipeline->nstored != pipeline->nsubmitted)
		return report_error(EXIT_FAILED, NULL, NULL, "only %zu of %zu pieces were stored",
							pipeline->nstored, pipeline->nsubmitted);
	return !pipeline->failed;
}

static int
compare_stored(const void *a, const void *b)
{
	const StoredPiece *x = a;
	const StoredPiece *y = b;

	if (x->ordinal != y->ordinal)
		return x->ordinal < y->ordinal ? -1 : 1;
	return x->sequence < y->sequence ? -1 : x->sequence > y->sequence;
}

void
pipeline_add_to_manifest(Pipeline *pipeline, MemberKind kind, Manifest *manifest)
{
	size_t i;
	int m;

	if (pipeline->nstored > 0)
		qsort(pipeline->stored, pipeline->nstored, sizeof(StoredPiece), compare_stored);
	for (i = 0; i < pipeline->nstored; i++)
	{
		StoredPiece *stored = &pipeline->stored[i];
		uint32_t object;

		if (stored->members[0].kind != kind)
			continue;
		object = manifest_add_object(manifest, &stored->object);
		for (m = 0; m < stored->nmembers; m++)
		{
			stored->members[m].object = object;
			manifest_add_member(manifest, &stored->members[m]);
		}
	}
}

void
pipeline_ids(const Pipeline *pipeline, DigestHex *ids, size_t count)
{
	size_t i;

	for (i = 0; i < pipeline->nstored; i++)
	{
		const StoredPiece *stored = &pipeline->stored[i];

		if (stored->ordinal < count)
			memcpy(ids[stored->ordinal], stored->object.id, sizeof(DigestHex));
	}
}

void
pipeline_free(Pipeline *pipeline)
{
	size_t stored;
	int i;

	if (pipeline == NULL)
		return;
	for (i = 0; i < pipeline->npieces; i++)
	{
		buffer_free(&pipeline->pieces[i].raw);
		free(pipeline->pieces[i].segments);
	}
	for (stored = 0; stored < pipeline->nstored; stored++)
		free(pipeline->stored[stored].members);
	free(pipeline->stored);
	free(pipeline->pieces);
	free(pipeline->threads);
	pthread_mutex_destroy(&pipeline->lock);
	pthread_cond_destroy(&pipeline->piece_free);
	pthread_cond_destroy(&pipeline->piece_filled);
	free(pipeline);
}
