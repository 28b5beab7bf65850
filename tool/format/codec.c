/*-------------------------------------------------------------------------
 *
 * codec.c
 *	  Frames by libzstd and libdeflate.
 *
 *-------------------------------------------------------------------------
 */
#include "codec.h"

#include <libdeflate.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>
#include <zstd_errors.h>

typedef struct CodecFacts
{
	const char *name;
	const char *suffix;
	int default_level;
	int min_level;
	int max_level;
	const char *bad_level;
} CodecFacts;

static const CodecFacts codecs[] = {
	[CODEC_NONE] = {"none", ".sql", 0, 0, 0, "codec none takes no level"},
	[CODEC_GZIP] = {"gzip", ".sql.gz", 6, 1, 12, "the level of gzip must be between 1 and 12"},
	[CODEC_ZSTD] = {"zstd", ".sql.zst", 1, 1, 19, "the level of zstd must be between 1 and 19"},
};

struct Compressor
{
	Codec codec;
	int level;
	ZSTD_CCtx *zstd;
	struct libdeflate_compressor *gzip;
};

/* Our own frames have windows up to 2^23 bytes, whatever is in them. */
#define STREAM_MAX_WINDOW_LOG 24

struct Decompressor
{
	Codec codec;
	ZSTD_DCtx *zstd;
	uint64_t raw;  /* of the frame that is fed */
	bool begun;    /* it has been fed */
	bool complete; /* it has ended */
	struct libdeflate_decompressor *gzip;
};

bool
codec_by_name(const char *name, Codec *codec)
{
	size_t i;

	for (i = 0; i < sizeof(codecs) / sizeof(codecs[0]); i++)
	{
		if (strcmp(codecs[i].name, name) == 0)
		{
			*codec = (Codec) i;
			return true;
		}
	}
	return false;
}

const char *
codec_parse(const char *text, Codec *codec, int *level)
{
	char name[8];
	size_t length = strcspn(text, ":");
	char *end;
	long value;

	if (length >= sizeof(name))
		return "the codec must be zstd, gzip or none";
	memcpy(name, text, length);
	name[length] = '\0';
	if (!codec_by_name(name, codec))
		return "the codec must be zstd, gzip or none";
	*level = codecs[*codec].default_level;
	if (text[length] == '\0')
		return NULL;
	value = strtol(text + length + 1, &end, 10);
	if (text[length + 1] < '0' || text[length + 1] > '9' || *end != '\0' ||
		value < codecs[*codec].min_level || value > codecs[*codec].max_level ||
		*codec == CODEC_NONE)
		return codecs[*codec].bad_level;
	*level = (int) value;
	return NULL;
}

const char *
codec_name(Codec codec)
{
	return codecs[codec].name;
}

const char *
codec_suffix(Codec codec)
{
	return codecs[codec].suffix;
}

Compressor *
compressor_create(Codec codec, int level)
{
	Compressor *compressor = calloc(1, sizeof(Compressor));

	if (compressor == NULL)
		return NULL;
	compressor->codec = codec;
	compressor->level = level;
	if (codec == CODEC_ZSTD)
	{
		compressor->zstd = ZSTD_createCCtx();
		if (compressor->zstd != NULL)
		{
			ZSTD_CCtx_setParameter(compressor->zstd, ZSTD_c_compressionLevel, level);
			ZSTD_CCtx_setParameter(compressor->zstd, ZSTD_c_checksumFlag, 1);
		}
	}
	else if (codec == CODEC_GZIP)
		compressor->gzip = libdeflate_alloc_compressor(level);
	if ((codec == CODEC_ZSTD && compressor->zstd == NULL) ||
		(codec == CODEC_GZIP && compressor->gzip == NULL))
	{
		compressor_free(compressor);
		return NULL;
	}
	return compressor;
}

void
compressor_free(Compressor *compressor)
{
	if (compressor == NULL)
		return;
	ZSTD_freeCCtx(compressor->zstd);
	if (compressor->gzip != NULL)
		libdeflate_free_compressor(compressor->gzip);
	free(compressor);
}

bool
compressor_frame(Compressor *compressor, const char *raw, size_t raw_length, Buffer *out)
{
	size_t bound;
	size_t length;

	if (compressor->codec == CODEC_NONE)
	{
		buffer_append(out, raw, raw_length);
		return true;
	}
	bound = compressor->codec == CODEC_ZSTD
				? ZSTD_compressBound(raw_length)
				: libdeflate_gzip_compress_bound(compressor->gzip, raw_length);
	buffer_reserve(out, bound);
	if (compressor->codec == CODEC_ZSTD)
	{
		length = ZSTD_compress2(compressor->zstd, out->data + out->length, bound, raw, raw_length);
		if (ZSTD_isError(length))
			return false;
	}
	else
	{
		length = libdeflate_gzip_compress(compressor->gzip, raw, raw_length,
										  out->data + out->length, bound);
		if (length == 0)
			return false;
	}
	out->length += length;
	out->data[out->length] = '\0';
	return true;
}

Decompressor *
decompressor_create(Codec codec)
{
	Decompressor *decompressor = calloc(1, sizeof(Decompressor));

	if (decompressor == NULL)
		return NULL;
	decompressor->codec = codec;
	if (codec == CODEC_ZSTD)
	{
		decompressor->zstd = ZSTD_createDCtx();
		if (decompressor->zstd != NULL)
			ZSTD_DCtx_setParameter(decompressor->zstd, ZSTD_d_windowLogMax, STREAM_MAX_WINDOW_LOG);
	}
	else if (codec == CODEC_GZIP)
		decompressor->gzip = libdeflate_alloc_decompressor();
	if ((codec == CODEC_ZSTD && decompressor->zstd == NULL) ||
		(codec == CODEC_GZIP && decompressor->gzip == NULL))
	{
		decompressor_free(decompressor);
		return NULL;
	}
	return decompressor;
}

void
decompressor_free(Decompressor *decompressor)
{
	if (decompressor == NULL)
		return;
	ZSTD_freeDCtx(decompressor->zstd);
	if (decompressor->gzip != NULL)
		libdeflate_free_decompressor(decompressor->gzip);
	free(decompressor);
}

/* That there is no memory says nothing about what was to be read. */
static const char *
zstd_problem(size_t result)
{
	if (ZSTD_getErrorCode(result) == ZSTD_error_memory_allocation)
		out_of_memory();
	return "is not an intact zstd frame";
}

static const char *
zstd_frame(Decompressor *decompressor, const char *stored, size_t stored_length, char *raw,
		   size_t raw_length)
{
	size_t frame = ZSTD_findFrameCompressedSize(stored, stored_length);
	size_t length;

	if (ZSTD_isError(frame))
		return "is not an intact zstd frame";
	if (frame != stored_length)
		return "has bytes behind its zstd frame";
	if (ZSTD_getFrameContentSize(stored, stored_length) != raw_length)
		return "does not decompress to its recorded length";
	length = ZSTD_decompressDCtx(decompressor->zstd, raw, raw_length, stored, stored_length);
	if (ZSTD_isError(length))
		return zstd_problem(length);
	return length == raw_length ? NULL : "does not decompress to its recorded length";
}

static const char *
gzip_frame(Decompressor *decompressor, const char *stored, size_t stored_length, char *raw,
		   size_t raw_length)
{
	size_t consumed;
	size_t produced;

	switch (libdeflate_gzip_decompress_ex(decompressor->gzip, stored, stored_length, raw,
										  raw_length, &consumed, &produced))
	{
		case LIBDEFLATE_SUCCESS:
			break;
		case LIBDEFLATE_INSUFFICIENT_SPACE:
			return "does not decompress to its recorded length";
		default:
			return "is not an intact gzip member";
	}
	if (consumed != stored_length)
		return "has bytes behind its gzip member";
	return produced == raw_length ? NULL : "does not decompress to its recorded length";
}

const char *
decompressor_frame(Decompressor *decompressor, const char *stored, size_t stored_length, char *raw,
				   size_t raw_length)
{
	if (decompressor->codec == CODEC_ZSTD)
		return zstd_frame(decompressor, stored, stored_length, raw, raw_length);
	if (decompressor->codec == CODEC_GZIP)
		return gzip_frame(decompressor, stored, stored_length, raw, raw_length);
	if (stored_length != raw_length)
		return "does not have its recorded length";
	if (raw_length > 0)
		memcpy(raw, stored, raw_length);
	return NULL;
}

bool
decompressor_streams(Codec codec)
{
	return codec != CODEC_GZIP;
}

void
decompressor_begin(Decompressor *decompressor, uint64_t raw_length)
{
	decompressor->raw = raw_length;
	decompressor->begun = false;
	decompressor->complete = false;
	if (decompressor->codec == CODEC_ZSTD)
		ZSTD_DCtx_reset(decompressor->zstd, ZSTD_reset_session_only);
}

const char *
decompressor_feed(Decompressor *decompressor, const char *stored, size_t stored_length,
				  size_t *used, char *raw, size_t room, size_t *made)
{
	ZSTD_inBuffer in = {stored, stored_length, 0};
	ZSTD_outBuffer out = {raw, room, 0};
	size_t left = 0;

	if (decompressor->codec == CODEC_NONE)
	{
		*used = *made = stored_length < room ? stored_length : room;
		memcpy(raw, stored, *made);
		return NULL;
	}
	*used = *made = 0;
	if (decompressor->complete)
		return stored_length > 0 ? "has bytes behind its zstd frame" : NULL;
	if (!decompressor->begun)
	{
		unsigned long long size = ZSTD_getFrameContentSize(stored, stored_length);

		if (size != ZSTD_CONTENTSIZE_ERROR && size != decompressor->raw)
			return "does not decompress to its recorded length";
		decompressor->begun = true;
	}
	left = ZSTD_decompressStream(decompressor->zstd, &out, &in);
	*used = in.pos;
	*made = out.pos;
	if (ZSTD_isError(left))
		return zstd_problem(left);
	decompressor->complete = left == 0;
	return NULL;
}

const char *
decompressor_end(Decompressor *decompressor)
{
	return decompressor->codec == CODEC_ZSTD && !decompressor->complete
			   ? "is not an intact zstd frame"
			   : NULL;
}
