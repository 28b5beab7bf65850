/*-------------------------------------------------------------------------
 *
 * test_pipeline.c
 *	  Pieces that no thread compresses, or that cannot be compressed, are no
 *	  backup, and those that are compressed come in order.
 *
 *-------------------------------------------------------------------------
 */
#include "scratch.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <zstd.h>

#include "log.h"
#include "pipeline.h"

#define PIECES 5
#define ROWS 40

static int calls;
static int first_to_fail; /* counted from 1; 0: none */
static int last_to_fail;

/* A machine that is short of threads for a while. */
int
pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *),
			   void *argument)
{
	int (*real)(pthread_t *, const pthread_attr_t *, void *(*) (void *), void *) =
		dlsym(RTLD_NEXT, "pthread_create");

	calls++;
	if (calls >= first_to_fail && calls <= last_to_fail)
		return EAGAIN;
	return real(thread, attributes, start, argument);
}

static int frames;
static int frame_to_fail; /* counted from 1; 0: none */

/* A compressor that fails. */
size_t
ZSTD_compress2(ZSTD_CCtx *context, void *into, size_t room, const void *raw, size_t length)
{
	size_t (*real)(ZSTD_CCtx *, void *, size_t, const void *, size_t) =
		dlsym(RTLD_NEXT, "ZSTD_compress2");

	if (__atomic_add_fetch(&frames, 1, __ATOMIC_SEQ_CST) == frame_to_fail)
		room = 1;
	return real(context, into, room, raw, length);
}

static Repository *
open_repository(void)
{
	Repository *repository;
	bool created;

	assert_true(repository_init(scratch_path("repo"), &created));
	repository = repository_open(scratch_path("repo"));
	assert_non_null(repository);
	return repository;
}

/* More pieces than there are buffers, each with one member of one row. */
static bool
fill(Pipeline *pipeline)
{
	uint32_t i;

	for (i = 0; i < ROWS; i++)
	{
		Piece *piece = pipeline_take(pipeline, i, 0);

		if (piece == NULL)
			return false;
		piece_begin_segment(piece, MEMBER_DATA, 0)->rows = 1;
		buffer_printf(&piece->raw, "%u\n", i);
		piece_end_segment(piece);
		pipeline_submit(pipeline, piece);
	}
	return pipeline_finish(pipeline);
}

static void
check_rows(int compressors, int fail_from, int fail_to)
{
	Repository *repository = open_repository();
	ObjectStore *store = object_store_create(repository, "", CODEC_ZSTD, NULL);
	Manifest *manifest = manifest_create();
	Pipeline *pipeline;
	uint32_t i;

	calls = 0;
	first_to_fail = fail_from;
	last_to_fail = fail_to;
	pipeline = pipeline_start(store, CODEC_ZSTD, 1, compressors, PIECES);
	assert_non_null(pipeline);
	assert_true(fill(pipeline));
	pipeline_add_to_manifest(pipeline, MEMBER_DATA, manifest);
	assert_int_equal(manifest->nmembers, ROWS);
	for (i = 0; i < ROWS; i++)
		assert_int_equal(manifest->members[i].raw, i < 10 ? 2 : 3);
	pipeline_free(pipeline);
	object_store_free(store);
	manifest_free(manifest);
	repository_close(repository);
}

static void
test_all_threads(void **state)
{
	(void) state;
	check_rows(2, 0, 0);
}

static void
test_some_threads(void **state)
{
	(void) state;
	check_rows(4, 2, 4);
}

static void
start_without_threads(void)
{
	Repository *repository = repository_open(scratch_path("repo"));
	ObjectStore *store = object_store_create(repository, "", CODEC_ZSTD, NULL);

	calls = 0;
	first_to_fail = 1;
	last_to_fail = 1000;
	if (pipeline_start(store, CODEC_ZSTD, 1, 2, PIECES) != NULL)
		_exit(99);
}

static void
test_no_threads(void **state)
{
	(void) state;
	repository_close(open_repository());
	assert_int_equal(exit_code_of(start_without_threads), EXIT_FAILED);
}

/* Two members in each piece; one of all is the one that fails. */
static void
fail_to_compress(void)
{
	Repository *repository = repository_open(scratch_path("repo"));
	ObjectStore *store = object_store_create(repository, "", CODEC_ZSTD, NULL);
	Pipeline *pipeline = pipeline_start(store, CODEC_ZSTD, 1, 2, PIECES);
	bool taken = true;
	uint32_t i;

	frames = 0;
	for (i = 0; i < ROWS && taken; i++)
	{
		Piece *piece = pipeline_take(pipeline, i, 0);
		int member;

		taken = piece != NULL;
		for (member = 0; taken && member < 2; member++)
		{
			piece_begin_segment(piece, MEMBER_DATA, 0)->rows = 1;
			buffer_printf(&piece->raw, "%u\n", i);
			piece_end_segment(piece);
		}
		if (taken)
			pipeline_submit(pipeline, piece);
	}
	if (pipeline_finish(pipeline))
		_exit(99);
	pipeline_free(pipeline);
	object_store_free(store);
	repository_close(repository);
}

static void
test_no_frame(void **state)
{
	(void) state;
	repository_close(open_repository());
	first_to_fail = 0;
	last_to_fail = 0;
	for (frame_to_fail = 1; frame_to_fail <= 4; frame_to_fail++)
		assert_int_equal(exit_code_of(fail_to_compress), EXIT_FAILED);
	frame_to_fail = 0;
	assert_int_equal(exit_code_of(fail_to_compress), 99);
}

static void
submit(Pipeline *pipeline, uint32_t ordinal, uint32_t sequence)
{
	Piece *piece = pipeline_take(pipeline, ordinal, sequence);

	assert_non_null(piece);
	piece_begin_segment(piece, MEMBER_DATA, (int32_t) ordinal)->rows = sequence + 1;
	buffer_printf(&piece->raw, "%u.%u\n", ordinal, sequence);
	piece_end_segment(piece);
	pipeline_submit(pipeline, piece);
}

/* Pieces are ready in any order; the manifest has them in that of the chunks, and of the rows. */
static void
test_order(void **state)
{
	static const uint32_t places[][2] = {{2, 1}, {0, 2}, {1, 0}, {0, 0}, {2, 0}, {0, 1}};
	static const uint32_t expected[][2] = {{0, 0}, {0, 1}, {0, 2}, {1, 0}, {2, 0}, {2, 1}};
	Repository *repository = open_repository();
	ObjectStore *store = object_store_create(repository, "", CODEC_ZSTD, NULL);
	Manifest *manifest = manifest_create();
	Pipeline *pipeline;
	size_t i;

	(void) state;
	first_to_fail = 0;
	last_to_fail = 0;
	pipeline = pipeline_start(store, CODEC_ZSTD, 1, 1, 10);
	assert_non_null(pipeline);
	for (i = 0; i < 6; i++)
		submit(pipeline, places[i][0], places[i][1]);
	assert_true(pipeline_finish(pipeline));
	pipeline_add_to_manifest(pipeline, MEMBER_DATA, manifest);
	assert_int_equal(manifest->nmembers, 6);
	for (i = 0; i < 6; i++)
	{
		assert_int_equal(manifest->members[i].table, expected[i][0]);
		assert_int_equal(manifest->members[i].rows, expected[i][1] + 1);
	}
	pipeline_free(pipeline);
	object_store_free(store);
	manifest_free(manifest);
	repository_close(repository);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, scratch_create, scratch_destroy)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_all_threads), TEST(test_some_threads), TEST(test_no_threads),
		TEST(test_no_frame),    TEST(test_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
