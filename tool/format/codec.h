/*-------------------------------------------------------------------------
 *
 * codec.h
 *	  Frames: self-contained compressed pieces, as zstd frames, gzip members
 *	  or plain bytes.
 *
 * A frame is compressed and decompressed whole: its raw length is known on both
 * sides, so one call does the work, the length in the manifest is checked for
 * free, and libdeflate (three times as fast as zlib, whole buffers only) can
 * serve gzip.  Only who verifies a frame that is too large for that takes it in
 * pieces.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_CODEC_H
#define NEX_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buffer.h"

typedef enum Codec
{
	CODEC_NONE,
	CODEC_GZIP,
	CODEC_ZSTD
} Codec;

/*
 * Read "zstd", "zstd:3", "gzip:6", "none".  Without a level the codec's
 * default is taken (zstd 1, gzip 6).  Returns NULL when good, else a static
 * message that says what is wrong.
 */
extern const char *codec_parse(const char *text, Codec *codec, int *level);

extern const char *codec_name(Codec codec);   /* "zstd" */
extern const char *codec_suffix(Codec codec); /* ".sql.zst" */
extern bool codec_by_name(const char *name, Codec *codec);

/* A compressor belongs to one thread; NULL when out of memory. */
typedef struct Compressor Compressor;
extern Compressor *compressor_create(Codec codec, int level);
extern void compressor_free(Compressor *compressor);

/* Append one frame that holds the raw bytes to `out`. */
extern bool compressor_frame(Compressor *compressor, const char *raw, size_t raw_length,
							 Buffer *out);

/* A decompressor belongs to one thread; NULL when out of memory. */
typedef struct Decompressor Decompressor;
extern Decompressor *decompressor_create(Codec codec);
extern void decompressor_free(Decompressor *decompressor);

/*
 * Decompress exactly one frame into exactly raw_length bytes.  Returns NULL
 * when good, else a static message: anything else than one intact frame of
 * that raw length is an error.
 */
extern const char *decompressor_frame(Decompressor *decompressor, const char *stored,
									  size_t stored_length, char *raw, size_t raw_length);

/*
 * The same piece by piece, for a frame whose content shall not be in memory at
 * once: begin, feed until all of the stored bytes are used, end.  Not for gzip,
 * as libdeflate has no such thing.  A feed uses *used of the stored bytes, and
 * gives *made raw ones, room at most; where it uses none and makes none, it
 * wants more.  As of a whole frame, what its header says of its content must be
 * raw_length; the header has to be in the first bytes that are fed.
 */
extern bool decompressor_streams(Codec codec);
extern void decompressor_begin(Decompressor *decompressor, uint64_t raw_length);
extern const char *decompressor_feed(Decompressor *decompressor, const char *stored,
									 size_t stored_length, size_t *used, char *raw, size_t room,
									 size_t *made);
extern const char *decompressor_end(Decompressor *decompressor);

#endif /* NEX_CODEC_H */
