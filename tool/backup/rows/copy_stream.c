/*-------------------------------------------------------------------------
 *
 * copy_stream.c
 *	  What a worker of the backup holds while it streams one chunk.
 *
 *-------------------------------------------------------------------------
 */
#include "copy_stream.h"

bool
copy_stream_need_piece(CopyStream *stream)
{
	if (stream->piece != NULL && stream->piece->raw.capacity - stream->piece->raw.length > ROW_ROOM)
		return true;
	if (stream->piece != NULL)
		pipeline_submit(stream->work->pipeline, stream->piece);
	stream->piece =
		pipeline_take(stream->work->pipeline, stream->chunk->ordinal, stream->sequence++);
	return stream->piece != NULL;
}
