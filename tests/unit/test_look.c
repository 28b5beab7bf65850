/*-------------------------------------------------------------------------
 *
 * test_look.c
 *	  The beginning of a backup looks at its repository once, wherever answers
 *	  take their time: no directory is listed twice, what is not listed is not
 *	  asked for, and afterwards all is asked as ever.
 *
 *-------------------------------------------------------------------------
 */
#include "failing_calls.h"
#include "sample_backup.h"

#include "backup_list.h"
#include "backup_settings.h"
#include "draft.h"

#define FIRST "20261123T020000Z"
#define SECOND "20261124T020000Z"
#define MAX_ASKED 200

/* What was asked of the storage, with the letter of the operation. */
static pthread_mutex_t asked_lock = PTHREAD_MUTEX_INITIALIZER;
static char *asked[MAX_ASKED];
static int nasked;
static Storage real;

static void
note(char operation, const char *path)
{
	pthread_mutex_lock(&asked_lock);
	assert_true(nasked < MAX_ASKED);
	asked[nasked++] = xasprintf("%c %s", operation, path);
	pthread_mutex_unlock(&asked_lock);
}

static void
forget(void)
{
	while (nasked > 0)
		free(asked[--nasked]);
}

/* How often was this asked, or, with the operation alone, anything of it? */
static int
times(const char *what)
{
	int count = 0;
	int i;

	for (i = 0; i < nasked; i++)
		count += what[1] == '\0' ? asked[i][0] == what[0] : strcmp(asked[i], what) == 0;
	return count;
}

static void
assert_none_twice(void)
{
	int i;

	for (i = 0; i < nasked; i++)
	{
		if (times(asked[i]) != 1)
			fail_msg("%s: %d times", asked[i], times(asked[i]));
	}
}

static StoreResult
list(Storage *storage, const char *path, StorageVisitor visitor, void *argument)
{
	note('L', path);
	return real.list(storage, path, visitor, argument);
}

static StoreResult
list_files(Storage *storage, const char *path, const FileListing *listing)
{
	note('T', path);
	return real.list_files(storage, path, listing);
}

static StoreResult
get(Storage *storage, const char *path, uint64_t offset, uint64_t length, StoreReader **reader,
	StoreInfo *info)
{
	note('G', path);
	return real.get(storage, path, offset, length, reader, info);
}

static StoreResult
head(Storage *storage, const char *path, StoreInfo *info)
{
	note('S', path);
	return real.head(storage, path, info);
}

/* versions: as in a bucket; else as on an SFTP server. */
static Repository *
far_repository(bool versions)
{
	Repository *repository = repository_in_memory(false);
	Storage *storage = repository->storage;

	sample_publish(repository, "b", FIRST);
	sample_publish(repository, "c", FIRST);
	real = *storage;
	storage->can.lease = true;
	storage->can.replace_if = versions;
	storage->list = list;
	storage->list_files = list_files;
	storage->get = get;
	storage->head = head;
	return repository;
}

static int
count_backups(Repository *repository, const Owner *owner)
{
	BackupName *names;
	int count;

	assert_true(repository_list(repository, owner, &names, &count));
	free(names);
	return count;
}

static void
look_twice(bool versions)
{
	Repository *repository = far_repository(versions);
	Storage *storage = repository->storage;
	BackupName name = sample_name("b", FIRST);
	Owner none = owner_of(NULL, "none");
	bool exists;
	int i;

	repository_look_begin(repository, true);
	assert_ptr_not_equal(repository->storage, storage);
	for (i = 0; i < 2; i++)
	{
		Manifest *manifest = repository_manifest(repository, &name);

		assert_non_null(manifest);
		manifest_free(manifest);
		assert_int_equal(count_backups(repository, NULL), 2);
		assert_int_equal(count_backups(repository, &name.owner), 1);
		assert_int_equal(count_backups(repository, &none), 0);
		memcpy(name.id, SECOND, sizeof(SECOND));
		assert_true(repository_has_backup(repository, &name, &exists));
		assert_false(exists);
		memcpy(name.id, FIRST, sizeof(FIRST));
	}
	assert_none_twice();
	assert_int_equal(times("S"), 0);
	repository_look_end(repository);
	assert_ptr_equal(repository->storage, storage);

	/* From now on others are seen. */
	forget();
	sample_publish(repository, "b", SECOND);
	assert_int_equal(count_backups(repository, &name.owner), 2);
	assert_int_equal(times("L backups/b"), 1);
	forget();
	repository_close(repository);
}

static void
test_look(void **state)
{
	(void) state;
	look_twice(true);
	look_twice(false);
}

static void
test_directory(void **state)
{
	Repository *repository = repository_in_memory(true);
	Storage *storage = repository->storage;

	(void) state;
	repository_look_begin(repository, true);
	assert_ptr_equal(repository->storage, storage);
	repository_look_end(repository);
	repository_close(repository);
}

/* What server_identity.c does for a first backup. */
static bool
list_all(BackupDraft *draft, void *argument)
{
	assert_int_equal(count_backups(argument, NULL), 2);
	assert_int_equal(count_backups(argument, draft_owner(draft)), 0);
	return true;
}

static void
begin_first(bool versions)
{
	static const BackupSettings plain = {.type = "manual", .codec = CODEC_NONE};
	Repository *repository = far_repository(versions);
	BackupDraft *draft = draft_create(repository, BACKUP_OF_DATABASE, NULL, &plain);

	assert_non_null(draft);
	draft_manifest(draft)->database.name = xstrdup("new");
	assert_true(draft_begin(draft, list_all, repository));
	assert_none_twice();
	assert_int_equal(times("S"), 0);
	assert_int_equal(times("G"), 0);
	draft_end(draft);
	forget();
	repository_close(repository);
}

static void
test_draft(void **state)
{
	(void) state;
	begin_first(true);
	begin_first(false);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, scratch_create, scratch_destroy)

int
main(void)
{
	const struct CMUnitTest tests[] = {TEST(test_look), TEST(test_directory), TEST(test_draft)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
