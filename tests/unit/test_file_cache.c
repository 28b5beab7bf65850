/* What was read of a bucket before: only what is right is given back, and there is no end of it. */
#include "file_cache.h"
#include "memory.h"
#include "scratch.h"

#define LARGE ((size_t) 8 * 1024 * 1024)

static CachedFile
file_of(const char *path, uint64_t bytes)
{
	return (CachedFile){.place = "s3://b/p", .path = path, .version = "\"1\"", .bytes = bytes};
}

static bool
gives(FileCache *cache, const CachedFile *file, const char *content)
{
	Buffer found;
	bool same;

	buffer_init(&found);
	same = file_cache_get(cache, file, &found) && found.length == file->bytes &&
		   memcmp(found.data, content, file->bytes) == 0;
	assert_true(same || found.length == 0);
	buffer_free(&found);
	return same;
}

static void
another_file_is_not_given(void **state)
{
	static const char *const directories[] = {scratch, NULL};
	size_t i;

	(void) state;
	for (i = 0; i < 2; i++)
	{
		FileCache *cache = file_cache_open(directories[i]);
		CachedFile file = file_of("a", 3);
		CachedFile other;

		assert_false(gives(cache, &file, "abc"));
		file_cache_put(cache, &file, "abc");
		assert_true(gives(cache, &file, "abc"));
		other = file;
		other.version = "\"2\"";
		assert_false(gives(cache, &other, "abc"));
		other = file;
		other.place = "s3://b/q";
		assert_false(gives(cache, &other, "abc"));
		other = file;
		other.path = "b";
		assert_false(gives(cache, &other, "abc"));
		other = file;
		other.bytes = 2;
		assert_false(gives(cache, &other, "ab"));
		file_cache_close(cache);
		cache = file_cache_open(directories[i]);
		assert_int_equal(gives(cache, &file, "abc"), directories[i] != NULL);
		file_cache_close(cache);
	}
}

/* 72 MB are more than there may be: the oldest go. */
static void
there_is_a_bound(void **state)
{
	char *content = xcalloc(1, LARGE + 1);
	FileCache *cache = file_cache_open(scratch);
	char path[2] = "a";
	int kept = 0;

	(void) state;
	for (; path[0] < 'a' + 9; path[0]++)
	{
		CachedFile file = file_of(path, LARGE);

		file_cache_put(cache, &file, content);
	}
	file_cache_close(cache);
	cache = file_cache_open(scratch);
	for (path[0] = 'a'; path[0] < 'a' + 9; path[0]++)
	{
		CachedFile file = file_of(path, LARGE);

		kept += gives(cache, &file, content);
	}
	assert_in_range(kept, 1, 6);
	path[0] = 'z';
	{
		CachedFile file = file_of(path, LARGE + 1);

		file_cache_put(cache, &file, content);
		assert_false(gives(cache, &file, content));
	}
	file_cache_close(cache);
	free(content);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(another_file_is_not_given, scratch_create, scratch_destroy),
		cmocka_unit_test_setup_teardown(there_is_a_bound, scratch_create, scratch_destroy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
