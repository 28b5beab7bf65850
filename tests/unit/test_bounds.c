/*-------------------------------------------------------------------------
 *
 * test_bounds.c
 *	  What a repository may cost: JSON that is counted before it is parsed,
 *	  members in pieces, and sizes that no member has.
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

#include "codec.h"
#include "json_bounds.h"
#include "manifest.h"
#include "row_check.h"

static const JsonBounds bounds = {100, 3, 10};

static const char *
beyond(const char *json)
{
	return json_beyond(json, strlen(json), &bounds);
}

static void
test_json(void **state)
{
	const char *problem;
	const char *json = "{\"a]\\\"\": [1]} , [2]";

	(void) state;
	assert_null(beyond(""));
	assert_null(beyond("[[[1]]]"));
	assert_non_null(beyond("[[[[1]]]]"));
	assert_null(beyond("\"[[[[[[[[[[\\\"[[[[[[\""));
	assert_null(beyond("[0,0,0,0,0,0,0,0]"));
	assert_non_null(beyond("[0,0,0,0,0,0,0,0,0,0,0]"));
	assert_non_null(beyond("{\"a\":{},\"a\":{},\"a\":{},\"a\":{}}"));
	assert_non_null(
		beyond("\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
			   "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\""));
	assert_ptr_equal(json_value_end(json, strlen(json), &bounds, &problem), json + 13);
	assert_ptr_equal(json_value_end("7]", 2, &bounds, &problem)[0] == ']' ? json : NULL, json);
	assert_null(json_value_end("[[[[", 4, &bounds, &problem));
	assert_non_null(problem);
}

/* The verdict on a text that comes in pieces of that size. */
static char *
verdict(const char *text, size_t piece, uint64_t rows)
{
	ManifestTable table = {.copy = "COPY t FROM stdin;"};
	Manifest manifest = {.tables = &table, .ntables = 1};
	Member member = {.kind = MEMBER_DATA, .raw = strlen(text), .rows = rows};
	RowCheck check;
	size_t done;

	row_check_begin(&check, &manifest, &member);
	for (done = 0; done < strlen(text); done += piece)
		row_check_add(&check, text + done,
					  strlen(text) - done < piece ? strlen(text) - done : piece);
	return row_check_end(&check);
}

static void
test_rows(void **state)
{
	static const struct
	{
		const char *text;
		uint64_t rows;
		const char *problem;
	} cases[] = {
		{"COPY t FROM stdin;\n\\.\n\n", 0, NULL},
		{"COPY t FROM stdin;\na\n\\.\n\n", 1, NULL},
		{"COPY t FROM stdin;\n\n\n\n\\.\n\n", 3, NULL},
		{"COPY t FROM stdin;\na\n\\.\n\n", 2, "holds 1 rows"},
		{"COPY t FROM stdin;\na\\.\n\n", 0, "ends within a row"},
		{"COPY t FROM stdin;\na\n\\.\n", 1, "does not end with"},
		{"COPY u FROM stdin;\na\n\\.\n\n", 1, "does not begin"},
		{"COPY t FROM stdin; a\n\\.\n\n", 1, "does not begin"},
		{"COPY t FROM stdin;\n", 0, "does not begin"},
		{"", 0, "does not begin"},
	};
	size_t i;
	size_t piece;

	(void) state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		for (piece = 1; piece < 40; piece++)
		{
			char *problem = verdict(cases[i].text, piece, cases[i].rows);

			if (cases[i].problem == NULL)
				assert_null(problem);
			else
			{
				assert_non_null(problem);
				assert_non_null(strstr(problem, cases[i].problem));
			}
			free(problem);
		}
	}
}

#define TEXT_BYTES 300000

/* Unpack a frame of that text in pieces; gives what is wrong. */
static const char *
unpack(Codec codec, const char *stored, size_t length, size_t piece, size_t room, Buffer *out)
{
	Decompressor *decompressor = decompressor_create(codec);
	const char *problem = NULL;
	char *raw = malloc(room);
	size_t done = 0;
	size_t used;
	size_t made = 0;

	buffer_reset(out);
	decompressor_begin(decompressor, TEXT_BYTES);
	while (problem == NULL && (done < length || made == room))
	{
		size_t more = length - done < piece ? length - done : piece;

		problem = decompressor_feed(decompressor, stored + done, more, &used, raw, room, &made);
		buffer_append(out, raw, problem == NULL ? made : 0);
		done += used;
		if (used == 0 && made == 0)
			break;
	}
	if (problem == NULL)
		problem = decompressor_end(decompressor);
	decompressor_free(decompressor);
	free(raw);
	return problem;
}

static void
test_pieces(void **state)
{
	static const Codec codecs[] = {CODEC_NONE, CODEC_ZSTD};
	size_t length = TEXT_BYTES;
	char *text = malloc(length);
	size_t i;
	size_t piece;

	(void) state;
	assert_false(decompressor_streams(CODEC_GZIP));
	for (i = 0; i < length; i++)
		text[i] = (char) ("abcdefgh"[i % 8] + i / 30011 % 7);
	for (i = 0; i < 2; i++)
	{
		Compressor *compressor = compressor_create(codecs[i], 1);
		Buffer frame;
		Buffer out;

		buffer_init(&frame);
		buffer_init(&out);
		assert_true(compressor_frame(compressor, text, length, &frame));
		for (piece = 1000; piece < 400000; piece = piece * 3 + 1)
		{
			assert_null(unpack(codecs[i], frame.data, frame.length, piece, 4096, &out));
			assert_int_equal(out.length, length);
			assert_memory_equal(out.data, text, length);
		}
		if (codecs[i] == CODEC_ZSTD)
		{
			assert_non_null(unpack(CODEC_ZSTD, frame.data, frame.length - 1, 1000, 4096, &out));
			buffer_append(&frame, "x", 1);
			assert_non_null(unpack(CODEC_ZSTD, frame.data, frame.length, 1000, 4096, &out));
		}
		buffer_free(&frame);
		buffer_free(&out);
		compressor_free(compressor);
	}
	free(text);
}

static void
test_sizes(void **state)
{
	Member row = {.kind = MEMBER_DATA, .raw = 1024 * 1024 * 1024, .length = 1024 * 1024 * 1024};
	Member text = {.kind = MEMBER_PRE_DATA, .raw = 2047 * UINT64_C(1048576), .length = 1};

	(void) state;
	assert_true(member_size_possible(&row));
	assert_true(member_size_possible(&text));
	row.raw = 1100 * UINT64_C(1048576);
	assert_false(member_size_possible(&row));
	text.raw = UINT64_C(1) << 62;
	assert_false(member_size_possible(&text));
	row.raw = 1;
	row.length = UINT64_C(1) << 40;
	assert_false(member_size_possible(&row));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_pieces),
		cmocka_unit_test(test_sizes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
