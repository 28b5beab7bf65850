/* Reading ahead: whatever the order, each member is what it is, and each failure is that of its
 * object. */
#include "failing_calls.h"
#include "sample_backup.h"

#include "bad_objects.h"
#include "member_reader.h"

#define OBJECTS 10
#define READERS 3

/* A backup in memory of some objects with two members each; its storage answers several at once. */
typedef struct Sample
{
	Repository *repository;
	Manifest *manifest;
	const Member *members[2 * OBJECTS];
} Sample;

static void
member_text(uint32_t object, uint32_t member, char text[16])
{
	snprintf(text, 16, "%07u %06u\n", (unsigned) object, (unsigned) member);
}

static void
sample_create(Sample *sample)
{
	BackupName name = sample_name("shop", "20261123T020000Z");
	ObjectStore *store;
	uint32_t i;

	sample->repository = repository_in_memory(false);
	sample->manifest = sample_manifest(sample->repository, &name);
	store = object_store_create(sample->repository, "", CODEC_NONE, NULL);
	for (i = 0; i < OBJECTS; i++)
	{
		char text[32];
		Member *first;
		Member second;

		member_text(i, 0, text);
		member_text(i, 1, text + 15);
		first = sample_member(store, sample->manifest, MEMBER_DATA, text, 30, 0);
		first->length = first->raw = 15;
		second = *first;
		second.offset = 15;
		manifest_add_member(sample->manifest, &second);
	}
	assert_true(object_store_barrier(store, 1));
	object_store_free(store);
	for (i = 0; i < 2 * OBJECTS; i++)
		sample->members[i] = &sample->manifest->members[i];
}

static void
sample_destroy(Sample *sample)
{
	manifest_free(sample->manifest);
	repository_close(sample->repository);
}

static bool
reads(MemberReader *reader, const Member *member)
{
	char text[16];

	if (!member_reader_read(reader, member))
		return false;
	member_text(member->object, member->offset > 0, text);
	assert_int_equal(reader->raw.length, 15);
	assert_memory_equal(reader->raw.data, text, 15);
	return true;
}

/* Announced in one order, taken in others, and not all of them. */
static void
any_order_will_do(void **state)
{
	static const uint32_t steps[] = {1, 3, 7, 19};
	Sample sample;
	size_t s;
	uint32_t i;

	(void) state;
	for (s = 0; s < sizeof(steps) / sizeof(steps[0]); s++)
	{
		MemberReader reader;
		int calls;

		sample_create(&sample);
		assert_true(member_reader_open(&reader, sample.repository, sample.manifest));
		calls = memory_of(sample.repository->storage)->calls;
		member_reader_read_ahead(&reader);
		assert_non_null(reader.ahead);
		for (i = 0; i < 2 * OBJECTS - 2; i++)
			assert_true(reads(&reader, sample.members[i * steps[s] % (2 * OBJECTS)]));
		member_reader_close(&reader);
		/* To open each object once and to read it; those of the last one may not have begun. */
		assert_in_range(memory_of(sample.repository->storage)->calls - calls, OBJECTS, 2 * OBJECTS);
		sample_destroy(&sample);
	}
}

typedef struct Reading
{
	Sample *sample;
	ObjectAhead *ahead;
	_Atomic uint32_t *next;
} Reading;

static void *
read_members(void *argument)
{
	const Reading *reading = argument;
	MemberReader reader;
	uint32_t i;

	assert_true(
		member_reader_open(&reader, reading->sample->repository, reading->sample->manifest));
	reader.ahead = reading->ahead;
	while ((i = (*reading->next)++) < 2 * OBJECTS)
		assert_true(reads(&reader, reading->sample->members[i]));
	member_reader_close(&reader);
	return NULL;
}

static void
several_may_read(void **state)
{
	_Atomic uint32_t next = 0;
	pthread_t threads[READERS];
	Reading reading;
	Sample sample;
	int i;

	(void) state;
	sample_create(&sample);
	reading = (Reading){
		&sample,
		object_ahead_create(sample.repository, sample.manifest, sample.members, 2 * OBJECTS),
		&next};
	for (i = 0; i < READERS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, read_members, &reading), 0);
	for (i = 0; i < READERS; i++)
		pthread_join(threads[i], NULL);
	object_ahead_free(reading.ahead);
	sample_destroy(&sample);
}

/* One object is damaged; the others are not. */
static void
damage_is_that_of_its_object(void **state)
{
	MemberReader reader;
	Sample sample;
	char *path;
	uint32_t i;

	(void) state;
	sample_create(&sample);
	path = manifest_object_path(sample.manifest, 4);
	assert_int_equal(
		storage_write(sample.repository->storage, path, "other bytes of it as long..\n..", 30).code,
		STORE_OK);
	assert_true(member_reader_open(&reader, sample.repository, sample.manifest));
	reader.quiet = true;
	member_reader_read_ahead(&reader);
	for (i = 0; i < 2 * OBJECTS; i++)
		assert_int_equal(reads(&reader, sample.members[i]), i / 2 != 4);
	member_reader_close(&reader);
	assert_int_equal(bad_objects_count(sample.repository, sample.manifest), 1);
	free(path);
	sample_destroy(&sample);
}

/* What is a small part of an object is read as a part, and nothing is read ahead of a directory. */
static void
parts_stay_parts(void **state)
{
	ObjectAhead *ahead;
	Sample sample;

	(void) state;
	sample_create(&sample);
	sample.manifest->objects[0].bytes = 100;
	ahead = object_ahead_create(sample.repository, sample.manifest, sample.members, 4);
	assert_false(object_ahead_has(ahead, 0));
	assert_true(object_ahead_has(ahead, 1));
	assert_false(object_ahead_has(ahead, 2));
	object_ahead_free(ahead);
	sample.repository->storage->can.uploads = 0;
	assert_null(object_ahead_create(sample.repository, sample.manifest, sample.members, 4));
	assert_false(object_ahead_has(NULL, 0));
	sample_destroy(&sample);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(any_order_will_do, scratch_create, scratch_destroy),
		cmocka_unit_test_setup_teardown(several_may_read, scratch_create, scratch_destroy),
		cmocka_unit_test_setup_teardown(damage_is_that_of_its_object, scratch_create,
										scratch_destroy),
		cmocka_unit_test_setup_teardown(parts_stay_parts, scratch_create, scratch_destroy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
