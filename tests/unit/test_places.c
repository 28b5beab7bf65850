/* Several places of one repository: whichever call of the first one fails, and how, the object is
 * read from the other. */
#include "failing_calls.h"
#include "sample_backup.h"

#include "object_read.h"
#include "other_places.h"

static const char text[] = "-- head\n";

/* One object in a place. */
static Manifest *
store_one(Repository *repository)
{
	ObjectStore *store = object_store_create(repository, "", CODEC_NONE, NULL);
	BackupName name = sample_name("shop", "20261123T020000Z");
	Manifest *manifest = sample_manifest(repository, &name);

	sample_member(store, manifest, MEMBER_HEAD, text, strlen(text), 0);
	assert_true(object_store_barrier(store, 1));
	object_store_free(store);
	return manifest;
}

/* Reads the object from a home whose next call fails; returns whether that is still asked. */
static bool
reads_elsewhere(StoreCode code, int home)
{
	Repository *first = repository_in_memory(false);
	Repository *second = repository_in_memory(false);
	Manifest *manifest = store_one(first);
	MemoryStorage *failing = memory_of((home == 0 ? first : second)->storage);
	StoreResult result;
	Buffer plain;
	bool asked;
	int i;

	manifest_free(store_one(second));
	repository_add_place(first, second);
	manifest->place = home;
	buffer_init(&plain);
	failing->failing = failing->calls + 1;
	failing->times = 1000;
	failing->code = code;
	for (i = 0; i < 2; i++)
	{
		char *problem = object_read(first, manifest, 0, &plain, &result);

		assert_null(problem);
		assert_int_equal(result.code, STORE_OK);
		assert_int_equal(plain.length, strlen(text));
		assert_memory_equal(plain.data, text, strlen(text));
		assert_int_equal(places_passed_over(first), 1);
	}
	asked = place_is_asked(home == 0 ? first : second);
	i = failing->calls;
	assert_null(object_read(first, manifest, 0, &plain, &result));
	assert_int_equal(failing->calls > i, asked);
	failing->failing = 0;
	buffer_free(&plain);
	manifest_free(manifest);
	repository_close(first);
	return asked;
}

static void
every_failure_has_a_way_out(void **state)
{
	int code;
	int home;

	(void) state;
	for (home = 0; home < 2; home++)
	{
		for (code = STORE_ABSENT; code <= STORE_FAILED; code++)
			assert_int_equal(reads_elsewhere((StoreCode) code, home), code != STORE_UNREACHABLE);
	}
}

static void
the_home_comes_first(void **state)
{
	Repository *places[3];
	int home;
	int n;
	int i;

	(void) state;
	for (i = 0; i < 3; i++)
		places[i] = repository_in_memory(false);
	assert_false(repository_has_others(places[0]));
	assert_ptr_equal(repository_place(places[0], 0, 0), places[0]);
	assert_null(repository_place(places[0], 0, 1));
	repository_add_place(places[0], places[1]);
	repository_add_place(places[0], places[2]);
	for (home = 0; home < 3; home++)
	{
		bool seen[3] = {false, false, false};

		assert_ptr_equal(repository_place(places[0], home, 0), places[home]);
		for (n = 0; n < 3; n++)
		{
			for (i = 0; i < 3; i++)
				seen[i] |= repository_place(places[0], home, n) == places[i];
		}
		assert_true(seen[0] && seen[1] && seen[2]);
		assert_null(repository_place(places[0], home, 3));
	}
	repository_close(places[0]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(every_failure_has_a_way_out, scratch_create,
										scratch_destroy),
		cmocka_unit_test_setup_teardown(the_home_comes_first, scratch_create, scratch_destroy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
