/*-------------------------------------------------------------------------
 *
 * copy_stream.c
 *	  What a worker of the backup holds while it streams one chunk.
 *
 *-------------------------------------------------------------------------
 */
#include "copy_stream.h"

bool
copy_stream_piece_is_full(const CopyStream *stream)
{
	return stream->piece->raw.length + ROW_ROOM >= PIECE_BYTES;
}

bool
copy_stream_need_piece(CopyStream *stream)
{
	if (stream->piece != NULL && !copy_stream_piece_is_full(stream))
		return true;
	if (stream->piece != NULL)
		pipeline_submit(stream->work->pipeline, stream->piece);
	stream->piece =
		pipeline_take(stream->work->pipeline, stream->chunk->ordinal, stream->sequence++);
	return stream->piece != NULL;
}
