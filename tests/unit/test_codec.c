/*-------------------------------------------------------------------------
 *
 * test_codec.c
 *	  Frames of all codecs: there and back, and every way to be broken.
 *
 *-------------------------------------------------------------------------
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <zstd.h>

#include "codec.h"

#define BIG (8 * 1024 * 1024)

static const Codec codecs[] = {CODEC_NONE, CODEC_GZIP, CODEC_ZSTD};

/* Bytes that no codec can shrink. */
static char *
noise(size_t length)
{
	char *bytes = malloc(length + 1);
	uint64_t state = 88172645463325252ULL;
	size_t i;

	assert_non_null(bytes);
	for (i = 0; i < length; i++)
	{
		state ^= state << 13;
		state ^= state >> 7;
		state ^= state << 17;
		bytes[i] = (char) state;
	}
	return bytes;
}

static char *
rows(size_t length)
{
	static const char row[] = "17\t2026-11-23\tinvoice\t\\N\t199.90\n";
	char *bytes = malloc(length + 1);
	size_t i;

	assert_non_null(bytes);
	for (i = 0; i < length; i++)
		bytes[i] = row[i % (sizeof(row) - 1)];
	return bytes;
}

static void
make_frame(Codec codec, const char *raw, size_t length, Buffer *frame)
{
	Compressor *compressor = compressor_create(codec, codec == CODEC_GZIP ? 6 : 1);

	assert_non_null(compressor);
	assert_true(compressor_frame(compressor, raw, length, frame));
	compressor_free(compressor);
}

/* Memory of exactly these sizes, so that the sanitizer sees each byte too many. */
static const char *
read_frame(Codec codec, const char *stored, size_t stored_length, char **raw, size_t raw_length)
{
	Decompressor *decompressor = decompressor_create(codec);
	char *exact = malloc(stored_length > 0 ? stored_length : 1);
	const char *problem;

	assert_non_null(decompressor);
	assert_non_null(exact);
	memcpy(exact, stored, stored_length);
	*raw = malloc(raw_length > 0 ? raw_length : 1);
	problem = decompressor_frame(decompressor, exact, stored_length, *raw, raw_length);
	decompressor_free(decompressor);
	free(exact);
	return problem;
}

static const char *
problem_of(Codec codec, const char *stored, size_t stored_length, size_t raw_length)
{
	char *raw;
	const char *problem = read_frame(codec, stored, stored_length, &raw, raw_length);

	free(raw);
	return problem;
}

static void
round_trip(const char *raw, size_t length)
{
	size_t i;

	for (i = 0; i < 3; i++)
	{
		Buffer frame;
		char *back;

		buffer_init(&frame);
		make_frame(codecs[i], raw, length, &frame);
		assert_null(read_frame(codecs[i], frame.data, frame.length, &back, length));
		assert_memory_equal(back, raw, length);
		free(back);
		buffer_free(&frame);
	}
}

static void
test_round_trip(void **state)
{
	static const size_t lengths[] = {0, 1, 2, 255, 65536, 65537, BIG};
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++)
	{
		char *text = rows(lengths[i]);
		char *bytes = noise(lengths[i]);

		round_trip(text, lengths[i]);
		round_trip(bytes, lengths[i]);
		free(text);
		free(bytes);
	}
}

/* A frame is added behind what the buffer holds already. */
static void
test_appends(void **state)
{
	size_t i;

	(void) state;
	for (i = 0; i < 3; i++)
	{
		Buffer frames;
		size_t first;

		buffer_init(&frames);
		make_frame(codecs[i], "one\n", 4, &frames);
		first = frames.length;
		make_frame(codecs[i], "three\n", 6, &frames);
		assert_null(problem_of(codecs[i], frames.data, first, 4));
		assert_null(problem_of(codecs[i], frames.data + first, frames.length - first, 6));

		/* Two frames are not one, whatever length is claimed. */
		assert_non_null(problem_of(codecs[i], frames.data, frames.length, 4));
		if (codecs[i] != CODEC_NONE)
			assert_non_null(problem_of(codecs[i], frames.data, frames.length, 10));
		buffer_free(&frames);
	}
}

static void
test_wrong_raw_length(void **state)
{
	static const size_t wrong[] = {0, 1, 999, 1001, 5000};
	char *raw = rows(1000);
	size_t i;
	size_t j;

	(void) state;
	for (i = 0; i < 3; i++)
	{
		Buffer frame;

		buffer_init(&frame);
		make_frame(codecs[i], raw, 1000, &frame);
		for (j = 0; j < sizeof(wrong) / sizeof(wrong[0]); j++)
			assert_non_null(problem_of(codecs[i], frame.data, frame.length, wrong[j]));
		buffer_free(&frame);
	}
	free(raw);
}

static void
test_truncated(void **state)
{
	char *raw = rows(300);
	size_t i;
	size_t length;

	(void) state;
	for (i = 0; i < 3; i++)
	{
		Buffer frame;

		buffer_init(&frame);
		make_frame(codecs[i], raw, 300, &frame);
		for (length = 0; length < frame.length; length++)
			assert_non_null(problem_of(codecs[i], frame.data, length, 300));
		buffer_append_char(&frame, '\0');
		assert_non_null(problem_of(codecs[i], frame.data, frame.length, 300));
		buffer_free(&frame);
	}
	free(raw);
}

/*
 * No flipped bit may give other content.  A few bits of a header mean nothing
 * (gzip's time stamp); the digest of the object finds those.
 */
static void
test_flipped(void **state)
{
	char *raw = rows(300);
	size_t i;
	size_t bit;

	(void) state;
	for (i = 1; i < 3; i++)
	{
		Buffer frame;

		buffer_init(&frame);
		make_frame(codecs[i], raw, 300, &frame);
		for (bit = 0; bit < frame.length * 8; bit++)
		{
			char *back;

			frame.data[bit / 8] ^= (char) (1 << bit % 8);
			if (read_frame(codecs[i], frame.data, frame.length, &back, 300) == NULL)
				assert_memory_equal(back, raw, 300);
			free(back);
			frame.data[bit / 8] ^= (char) (1 << bit % 8);
		}
		buffer_free(&frame);
	}
	free(raw);
}

/* A frame of zstd of a hundred times "a", in a window of 2^(10 + exponent) bytes. */
static void
append_window(Buffer *frames, int exponent)
{
	const char frame[] = {0x28, (char) 0xb5, 0x2f, (char) 0xfd, (char) 0x80, (char) (exponent << 3),
						  100,  0,           0,    0,           0x23,        3,
						  0,    'a'};

	buffer_append(frames, frame, sizeof(frame));
}

/* Feed all of it; what is wrong, or NULL. */
static const char *
stream_problem(const char *stored, size_t length, uint64_t raw_length)
{
	Decompressor *decompressor = decompressor_create(CODEC_ZSTD);
	const char *problem = NULL;
	char raw[64];
	size_t used;
	size_t made = 0;

	decompressor_begin(decompressor, raw_length);
	while (problem == NULL && (length > 0 || made == sizeof(raw)))
	{
		problem = decompressor_feed(decompressor, stored, length, &used, raw, sizeof(raw), &made);
		stored += used;
		length -= used;
	}
	if (problem == NULL)
		problem = decompressor_end(decompressor);
	decompressor_free(decompressor);
	return problem;
}

/* Another frame behind the first is no more content. */
static void
test_second_frame(void **state)
{
	Buffer frames;

	(void) state;
	buffer_init(&frames);
	make_frame(CODEC_ZSTD, "row\n", 4, &frames);
	assert_null(problem_of(CODEC_ZSTD, frames.data, frames.length, 4));
	assert_null(stream_problem(frames.data, frames.length, 4));
	assert_non_null(stream_problem(frames.data, frames.length, 5));
	append_window(&frames, 0);
	assert_non_null(problem_of(CODEC_ZSTD, frames.data, frames.length, 4));
	assert_non_null(stream_problem(frames.data, frames.length, 4));
	assert_non_null(stream_problem(frames.data, frames.length - 13, 4));
	buffer_free(&frames);
}

/* A frame says how much memory reading it takes. */
static void
test_window(void **state)
{
	int exponent;

	(void) state;
	for (exponent = 0; exponent < 32; exponent++)
	{
		Buffer frame;
		const char *problem;

		buffer_init(&frame);
		append_window(&frame, exponent);
		problem = stream_problem(frame.data, frame.length, 100);
		if (exponent <= 14)
			assert_null(problem);
		else
			assert_non_null(problem);
		buffer_free(&frame);
	}
}

/* A frame that does not say how long its content is: however it is read, it is none of ours. */
static void
test_no_content_size(void **state)
{
	ZSTD_CCtx *context = ZSTD_createCCtx();
	char frame[64];
	size_t length;

	(void) state;
	assert_non_null(context);
	ZSTD_CCtx_setParameter(context, ZSTD_c_contentSizeFlag, 0);
	length = ZSTD_compress2(context, frame, sizeof(frame), "row\n", 4);
	assert_false(ZSTD_isError(length));
	assert_string_equal(problem_of(CODEC_ZSTD, frame, length, 4),
						"does not decompress to its recorded length");
	assert_string_equal(stream_problem(frame, length, 4),
						"does not decompress to its recorded length");
	ZSTD_freeCCtx(context);
}

/* A decompressor serves again after it met garbage. */
static void
test_recovers(void **state)
{
	size_t i;

	(void) state;
	for (i = 1; i < 3; i++)
	{
		Decompressor *decompressor = decompressor_create(codecs[i]);
		Buffer frame;
		char raw[4];

		buffer_init(&frame);
		make_frame(codecs[i], "row\n", 4, &frame);
		assert_non_null(decompressor_frame(decompressor, "garbage", 7, raw, 4));
		assert_non_null(decompressor_frame(decompressor, frame.data, frame.length - 1, raw, 4));
		assert_null(decompressor_frame(decompressor, frame.data, frame.length, raw, 4));
		assert_memory_equal(raw, "row\n", 4);
		decompressor_free(decompressor);
		buffer_free(&frame);
	}
}

static void
test_parse(void **state)
{
	static const char *const bad[] = {
		"",       "lz4",     "zstd:",  "zstd:0", "zstd:20",  "zstd:1x", "zstd: 1", "zstd:+1",
		"gzip:0", "gzip:13", "none:0", "ZSTD",   "zstd:1:2", "zstd ",   "gzip:-6", "zstdzstdzstd"};
	Codec codec;
	size_t i;
	int level;

	(void) state;
	assert_null(codec_parse("zstd", &codec, &level));
	assert_true(codec == CODEC_ZSTD && level == 1);
	assert_null(codec_parse("zstd:19", &codec, &level));
	assert_int_equal(level, 19);
	assert_null(codec_parse("gzip", &codec, &level));
	assert_true(codec == CODEC_GZIP && level == 6);
	assert_null(codec_parse("none", &codec, &level));
	assert_true(codec == CODEC_NONE);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_non_null(codec_parse(bad[i], &codec, &level));
	for (i = 0; i < 3; i++)
	{
		assert_true(codec_by_name(codec_name(codecs[i]), &codec));
		assert_true(codec == codecs[i]);
	}
	assert_string_equal(codec_suffix(CODEC_ZSTD), ".sql.zst");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),       cmocka_unit_test(test_appends),
		cmocka_unit_test(test_wrong_raw_length), cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_flipped),          cmocka_unit_test(test_second_frame),
		cmocka_unit_test(test_window),           cmocka_unit_test(test_no_content_size),
		cmocka_unit_test(test_recovers),         cmocka_unit_test(test_parse),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
