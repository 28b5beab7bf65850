/*-------------------------------------------------------------------------
 *
 * test_verify.c
 *	  What verify finds behind a right seal and right digests: manifests that
 *	  are wrong about what their objects hold, and objects that are not what
 *	  they were.
 *
 * Damage fails the digest first, so none of these checks is reached by a file
 * that is only damaged.  They are for a program that wrote something wrong.
 *
 *-------------------------------------------------------------------------
 */
#include "sample_backup.h"

#include <unistd.h>

#include "interrupt.h"
#include "log.h"
#include "row_check.h"
#include "verify.h"

#define ROWS SAMPLE_COPY "\n1\n2\n" SAMPLE_END

/* A backup that is not published: a repository, a store and a manifest. */
typedef struct Case
{
	Repository *repository;
	ObjectStore *store;
	Manifest *manifest;
	VerifyReport report;
} Case;

static void
begin(Case *this)
{
	BackupName name = sample_name("b", "20261123T020000Z");

	this->repository = file_exists(scratch_path("repo/nex_backup.json"))
						   ? repository_open(scratch_path("repo"))
						   : sample_repository();
	this->store = object_store_create(this->repository, "", CODEC_NONE, NULL);
	this->manifest = sample_manifest(this->repository, &name);
}

static void
end(Case *this)
{
	verify_report_free(&this->report);
	object_store_free(this->store);
	manifest_free(this->manifest);
	repository_close(this->repository);
}

/* Verify; NULL if all is good, else the first problem, which stays valid until end(). */
static const char *
problem(Case *this)
{
	manifest_sum_up(this->manifest);
	assert_true(verify_objects(this->repository, this->manifest, VERIFY_CONTENT, 2, &this->report));
	return this->report.nbad > 0 ? this->report.bad[0].problem : NULL;
}

/* One member with this text and these rows: what is said about it must be this (NULL: good). */
static void
check_rows(const char *text, size_t length, uint64_t rows, const char *expected)
{
	Case this;
	const char *found;

	memset(&this, 0, sizeof(this));
	begin(&this);
	sample_member(this.store, this.manifest, MEMBER_DATA, text, length, rows);
	found = problem(&this);
	if (expected == NULL)
		assert_null(found);
	else
	{
		assert_non_null(found);
		assert_non_null(strstr(found, expected));
	}
	end(&this);
}

#define CHECK(text, rows, expected) check_rows(text, strlen(text), rows, expected)

static void
test_rows(void **state)
{
	(void) state;
	CHECK(ROWS, 2, NULL);
	CHECK(SAMPLE_COPY "\n" SAMPLE_END, 0, NULL);
	CHECK(ROWS, 3, "holds 2 rows instead of 3");
	CHECK(ROWS, 1, "holds 2 rows instead of 1");
	CHECK(SAMPLE_COPY "\n" SAMPLE_END, 1, "holds 0 rows instead of 1");
	CHECK(SAMPLE_COPY "\n1\n2" SAMPLE_END, 1, "ends within a row");
	CHECK(SAMPLE_COPY "\n1\n2\n", 2, "end-of-data marker");
	CHECK(SAMPLE_COPY "\n1\n2\n\\.\n\n\n", 2, "end-of-data marker");
	CHECK("COPY public.x (a) FROM stdin;\n1\n2\n" SAMPLE_END, 2, "does not begin with the COPY");
	CHECK("COPY", 0, "does not begin with the COPY");
}

/* More short rows than one counter of a word can count: 255 and more in each byte's lane. */
static void
test_many_rows(void **state)
{
	static const uint32_t counts[] = {2039, 2040, 2041, 2048, 5000, 100000};
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
	{
		Buffer text;
		uint32_t row;

		/* Empty rows: each byte is a newline. */
		buffer_init(&text);
		buffer_append_string(&text, SAMPLE_COPY "\n");
		for (row = 0; row < counts[i]; row++)
			buffer_append_char(&text, '\n');
		buffer_append_string(&text, SAMPLE_END);
		check_rows(text.data, text.length, counts[i], NULL);
		check_rows(text.data, text.length, counts[i] - 256, "instead of");
		buffer_free(&text);

		/* Of eight bytes: newlines in one lane only. */
		buffer_init(&text);
		buffer_append_string(&text, SAMPLE_COPY "\n");
		for (row = 0; row < counts[i]; row++)
			buffer_append_string(&text, "1234567\n");
		buffer_append_string(&text, SAMPLE_END);
		check_rows(text.data, text.length, counts[i], NULL);
		buffer_free(&text);
	}
}

/* Without a codec nothing is decompressed, but the two lengths must agree all the same. */
static void
test_length_without_codec(void **state)
{
	Case this;
	Member *member;
	const char *found;

	(void) state;
	memset(&this, 0, sizeof(this));
	begin(&this);
	member = sample_member(this.store, this.manifest, MEMBER_DATA, ROWS, strlen(ROWS), 2);
	member->raw++;
	found = problem(&this);
	assert_non_null(found);
	assert_non_null(strstr(found, "wrong length"));
	end(&this);
}

/* Add bytes to the file of an object, or take the last one. */
static void
resize(const Manifest *manifest, int by)
{
	char *relative = manifest_object_path(manifest, 0);
	char *path = xasprintf("%s/repo/%s", scratch, relative);
	struct stat status;

	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(truncate(path, status.st_size + by), 0);
	free(relative);
	free(path);
}

static void
test_grown_and_cut(void **state)
{
	static const int changes[] = {1, 4096, -1};
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(changes) / sizeof(changes[0]); i++)
	{
		Case this;
		char *expected = xasprintf("has %d bytes instead of %d", (int) strlen(ROWS) + changes[i],
								   (int) strlen(ROWS));
		const char *found;

		memset(&this, 0, sizeof(this));
		begin(&this);
		sample_member(this.store, this.manifest, MEMBER_DATA, ROWS, strlen(ROWS), 2);
		resize(this.manifest, changes[i]);
		found = problem(&this);
		assert_non_null(found);
		assert_string_equal(found, expected);
		end(&this);
		free(expected);
	}
}

/* ---- several backups in one run ---- */

static int
bad_files(Case *this, ObjectSet *seen)
{
	int bad;

	manifest_sum_up(this->manifest);
	assert_true(verify_objects_once(this->repository, this->manifest, VERIFY_CONTENT, NULL, 2, seen,
									&this->report));
	bad = this->report.nbad;
	verify_report_free(&this->report);
	return bad;
}

/* Two backups name one object, and say different things of its inside: both are compared. */
static void
test_shared_object_other_claims(void **state)
{
	Case first;
	Case second;
	ObjectSet seen;

	(void) state;
	memset(&first, 0, sizeof(first));
	memset(&second, 0, sizeof(second));
	begin(&first);
	begin(&second);
	sample_member(first.store, first.manifest, MEMBER_DATA, ROWS, strlen(ROWS), 2);
	sample_member(second.store, second.manifest, MEMBER_DATA, ROWS, strlen(ROWS), 7);
	object_set_init(&seen);
	assert_int_equal(bad_files(&first, &seen), 0);
	assert_int_equal(bad_files(&second, &seen), 1);
	assert_int_equal(bad_files(&first, &seen), 0);
	object_set_free(&seen);
	end(&first);
	end(&second);
}

/* A bad object that two backups share is bad in both. */
static void
test_shared_bad_object(void **state)
{
	Case first;
	Case second;
	ObjectSet seen;

	(void) state;
	memset(&first, 0, sizeof(first));
	memset(&second, 0, sizeof(second));
	begin(&first);
	begin(&second);
	sample_member(first.store, first.manifest, MEMBER_DATA, ROWS, strlen(ROWS), 2);
	sample_member(second.store, second.manifest, MEMBER_DATA, ROWS, strlen(ROWS), 2);
	resize(first.manifest, 1);
	object_set_init(&seen);
	assert_int_equal(bad_files(&first, &seen), 1);
	assert_int_equal(bad_files(&second, &seen), 1);

	object_set_free(&seen);
	end(&first);
	end(&second);
}

/* ---- a stop ---- */

static void
verify_stopped(void)
{
	Case this;

	memset(&this, 0, sizeof(this));
	begin(&this);
	sample_member(this.store, this.manifest, MEMBER_DATA, ROWS, strlen(ROWS), 2);
	manifest_sum_up(this.manifest);
	stop_request();
	log_forget_errors();
	/* Nothing was found, and nothing is proved. */
	if (verify_objects(this.repository, this.manifest, VERIFY_CONTENT, 1, &this.report))
		_exit(99);
	if (this.report.nbad > 0 || this.report.objects > 0)
		_exit(98);
}

static void
test_stop_proves_nothing(void **state)
{
	(void) state;
	repository_close(sample_repository());
	assert_int_equal(exit_code_of(verify_stopped), EXIT_DONE);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, scratch_create, scratch_destroy)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_rows),
		TEST(test_many_rows),
		TEST(test_length_without_codec),
		TEST(test_grown_and_cut),
		TEST(test_shared_object_other_claims),
		TEST(test_shared_bad_object),
		TEST(test_stop_proves_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
