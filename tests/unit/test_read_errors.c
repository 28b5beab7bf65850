/*-------------------------------------------------------------------------
 *
 * test_read_errors.c
 *	  A file that cannot be read at this moment is not damaged.
 *
 * Each error of reading meets each file that is read.  Damage means exit code
 * 3, the advice to remove a file, and for a scheduler that it need not try
 * again; so only what says something about the file itself may be called so.
 *
 *-------------------------------------------------------------------------
 */
#include "recording_storage.h"
#include "sample_backup.h"

#include "backups.h"
#include "log.h"
#include "manifest_envelope.h"
#include "posix_result.h"
#include "previous_manifest.h"
#include "unclear.h"
#include "verification.h"
#include "verify.h"

/* About the process, the disk, the network. */
static const int of_access[] = {EACCES, EPERM, EIO,      EMFILE,  ENFILE,    ENOMEM,
								ESTALE, ELOOP, ENOTCONN, EUCLEAN, ETIMEDOUT, EHOSTDOWN};

/* About the file. */
static const int of_damage[] = {ENOENT, EINVAL, EFBIG, ENODATA};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const char *operation;
static const char *path;
static int error;

static const BackupName *
the_backup(void)
{
	static BackupName name;

	name = sample_name("b", "20261123T020000Z");
	return &name;
}

/* Open, read and check everything, as verify and a restore do, with one failure. */
static void
read_all(void)
{
	Repository *repository = repository_open(scratch_path("repo"));
	Verification verification;
	VerifyReport report;
	Manifest *manifest;

	recording_begin(repository);
	recording_fail(operation, path, error, false);
	recording.times = -1;
	repository_check_header(repository);
	repository_verification(repository, the_backup(), &verification);
	manifest = repository_manifest(repository, the_backup());
	if (manifest != NULL)
		verify_objects(repository, manifest, VERIFY_CONTENT, 2, &report);
}

/* The file that an operation fails for. */
static const char *const places[][2] = {{"G", "RECOVER.txt"}, {"G", ".json"},    {"P", ".json"},
										{"G", ".sha256"},     {"G", "objects/"}, {"P", "objects/"}};

static void
test_every_file(void **state)
{
	Repository *repository = sample_repository();
	size_t i;
	size_t j;

	(void) state;
	sample_publish(repository, "b", "20261123T020000Z");
	repository_close(repository);
	for (i = 0; i < COUNT(places); i++)
	{
		operation = places[i][0];
		path = places[i][1];
		for (j = 0; j < COUNT(of_access); j++)
		{
			error = of_access[j];
			assert_int_equal(exit_code_of(read_all), EXIT_FAILED);
		}
		for (j = 0; j < COUNT(of_damage); j++)
		{
			error = of_damage[j];
			assert_int_equal(exit_code_of(read_all), EXIT_INTEGRITY);
		}
	}
	operation = "G";
	path = "nothing";
	assert_int_equal(exit_code_of(read_all), EXIT_DONE);
}

/* A record of a verification that cannot be read is a warning; one that is damaged an error. */
static void
test_record(void **state)
{
	Repository *repository = sample_repository();
	BackupName name = sample_publish(repository, "b", "20261123T020000Z");
	size_t j;

	(void) state;
	repository_record_verification(repository, &name, "", false, true, NULL, NULL, 0);
	assert_true(repository_verification_failed(repository, &name));
	repository_close(repository);
	operation = "G";
	path = ".verified";
	for (j = 0; j < COUNT(of_access); j++)
	{
		error = of_access[j];
		assert_int_equal(exit_code_of(read_all), EXIT_DONE);
	}
	for (j = 1; j < COUNT(of_damage); j++)
	{
		error = of_damage[j];
		assert_int_equal(exit_code_of(read_all), EXIT_INTEGRITY);
	}
}

/* What failed once is not called damaged because it succeeds the next time. */
static void
test_only_once(void **state)
{
	Repository *repository = sample_repository();
	BackupName name = sample_publish(repository, "b", "20261123T020000Z");
	Manifest *manifest;
	char *problem;

	(void) state;
	recording_begin(repository);
	recording_fail("G", ".json", EMFILE, false);
	assert_null(repository_manifest_try(repository, &name, &problem));
	assert_true(repository->manifest_unreadable);
	assert_int_equal(repository->unclear.unknown, 1);
	free(problem);
	recording_fail("G", ".sha256", EIO, false);
	assert_null(repository_manifest_try(repository, &name, &problem));
	assert_true(repository->manifest_unreadable);
	free(problem);
	manifest = repository_manifest_try(repository, &name, &problem);
	assert_non_null(manifest);
	assert_false(repository->manifest_unreadable);
	manifest_free(manifest);
	repository_close(repository);
}

static void
build_on(void)
{
	Repository *repository = repository_open(scratch_path("repo"));
	Owner owner = owner_of(NULL, "b");

	recording_begin(repository);
	recording_fail(operation, path, error, false);
	recording.times = -1;
	if (manifest_to_build_on(repository, &owner) != NULL)
		_exit(99);
}

/*
 * A backup that cannot find the one before stores everything.  That is no
 * error: it will be published.
 */
static void
test_backup_goes_on(void **state)
{
	Repository *repository = sample_repository();
	size_t j;

	(void) state;
	sample_publish(repository, "b", "20261123T020000Z");
	repository_close(repository);
	for (j = 0; j < COUNT(of_access); j++)
	{
		error = of_access[j];
		operation = "L";
		path = "backups/b";
		assert_int_equal(exit_code_of(build_on), EXIT_DONE);
		operation = "G";
		path = ".json";
		assert_int_equal(exit_code_of(build_on), EXIT_DONE);
	}
}

static void
test_words(void **state)
{
	(void) state;
	assert_non_null(strstr(posix_read_result(ENODATA).text, "shorter"));
	assert_non_null(strstr(posix_read_result(EINVAL).text, "regular file"));
	assert_string_equal(posix_read_result(EIO).text, strerror(EIO));
	assert_non_null(strstr(posix_read_result(EACCES).hint, "chown"));
	assert_non_null(strstr(posix_read_result(EMFILE).hint, "ulimit"));
	assert_non_null(strstr(posix_read_result(EIO).hint, "kernel"));
	assert_null(posix_read_result(ENOENT).hint);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, scratch_create, scratch_destroy)

int
main(void)
{
	const struct CMUnitTest tests[] = {TEST(test_every_file), TEST(test_record),
									   TEST(test_only_once), TEST(test_backup_goes_on),
									   TEST(test_words)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
