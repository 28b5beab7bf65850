/*-------------------------------------------------------------------------
 *
 * test_encryption.c
 *	  A small encrypted repository, every byte of which is flipped, in every
 *	  file, with the seal left as it is and made anew; and every file cut off
 *	  at every length.  Nothing of that is accepted, nothing comes out.
 *
 * A sample of the positions by default; NEXB_EVERY_BYTE=1 tries all.
 *
 *-------------------------------------------------------------------------
 */
#include "scratch.h"

#include "backups.h"
#include "encryption.h"
#include "keyring.h"
#include "manifest_envelope.h"
#include "memory.h"
#include "object_read.h"
#include "object_store.h"
#include "previous_manifest.h"
#include "seal.h"
#include "seal_append.h"
#include "all_settings.h"
#include "options.h"
#include "symmetric_key.h"
#include "text_list.h"
#include "writer_state.h"

#define DATABASE "invoices"
#define BACKUP_ID "20261123T020000Z"
#define SEAL_LENGTH (sizeof(SEAL_OPENING) - 1 + DIGEST_HEX_LENGTH + sizeof(SEAL_CLOSING) - 1)

#define ZEROES "00000000000000000000000000000000000000000000000000000000"
#define KEY_TEXT_END "10203fa" ZEROES
#define KEY_TEXT "0" KEY_TEXT_END
#define LOW_LOG_N 10

static const char content[] = "-- what nobody else may read\n";

/* They live as long as the keyring, which reads a passphrase when it needs it. */
static AllSettings settings;
static char key_path[256];

/*
 * Keys of this run: the identity, key file or passphrase in a file, and the
 * signer, if there are any.
 */
static void
load_keys(KeyWrapping wrapping, char *state, char *key_file, char *signer)
{
	bool is_identity = key_file != NULL && wrapping == WRAPPED_FOR_RECIPIENTS;

	settings_clear(&settings);
	settings.keys.state_dir = state;
	settings.keys.identity = (TextList){&key_file, is_identity ? 1 : 0, 0};
	if (wrapping == WRAPPED_BY_KEY_FILE)
		settings.keys.key_file = key_file;
	if (wrapping == WRAPPED_BY_PASSPHRASE)
		settings.keys.passphrase_file = key_file;
	settings.keys.signer = (TextList){&signer, signer != NULL ? 1 : 0, 0};
	keyring_free();
	assert_true(keyring_load(&settings.keys));
}

static void
publish(Repository *repository)
{
	ObjectStore *store = object_store_create(repository, "", CODEC_NONE, NULL);
	Manifest *manifest = manifest_create();
	ManifestObject object;
	Member member = {.table = -1, .length = sizeof(content) - 1, .raw = sizeof(content) - 1};

	memcpy(manifest->id, BACKUP_ID, sizeof(BACKUP_ID));
	manifest->repository = xstrdup(repository->id);
	manifest->type = xstrdup("manual");
	manifest->tool = xstrdup("0.2.0");
	manifest->pg_dump = xstrdup("15.18");
	manifest->started = xstrdup("2026-11-23T02:00:00.000Z");
	manifest->snapshot_at = xstrdup("2026-11-23T02:00:00.000Z");
	manifest->finished = xstrdup("2026-11-23T02:00:00.000Z");
	manifest->codec = CODEC_NONE;
	manifest->database.name = xstrdup(DATABASE);
	manifest->database.owner = xstrdup("postgres");
	manifest->database.encoding = xstrdup("UTF8");
	manifest->database.provider = xstrdup("c");
	manifest->database.tablespace = xstrdup("pg_default");
	manifest->server.version = xstrdup("15.18");
	manifest_describe(repository, manifest);
	assert_true(object_store_put(store, content, sizeof(content) - 1, &object));
	member.object = manifest_add_object(manifest, &object);
	manifest_add_member(manifest, &member);
	manifest_sum_up(manifest);
	assert_true(object_store_barrier(store, 1));
	assert_true(repository_publish(repository, manifest));
	object_store_free(store);
	manifest_free(manifest);
}

static void
write_key(const char *text)
{
	FILE *file;

	snprintf(key_path, sizeof(key_path), "%s/key", scratch);
	file = fopen(key_path, "w");
	assert_non_null(file);
	fchmod(fileno(file), 0600);
	fprintf(file, "%s\n", text);
	fclose(file);
}

/* A repository with one backup in it; afterwards this is the host of a reader. */
static void
make_repository(Cipher cipher, KeyWrapping wrapping, char *repository_path)
{
	char identity[AGE_IDENTITY_SIZE];
	char recipient[AGE_RECIPIENT_SIZE];
	char signer[SIGNER_SIZE];
	AgeRecipients recipients = {0};
	Repository *repository;
	char *writer = xasprintf("%s/writer", scratch);
	char *reader = xasprintf("%s/reader", scratch);
	bool created;

	assert_true(age_identity_generate(identity, recipient));
	if (wrapping == WRAPPED_FOR_RECIPIENTS)
	{
		write_key(identity);
		load_keys(wrapping, writer, NULL, NULL);
		assert_null(age_recipients_add(&recipients, recipient));
		assert_true(repository_init_encrypted(repository_path, cipher, &recipients, &created));
	}
	else
	{
		write_key(KEY_TEXT);
		load_keys(wrapping, writer, key_path, NULL);
		assert_true(repository_init_with_secret(repository_path, wrapping, LOW_LOG_N, &created));
	}
	assert_true(created);
	repository = repository_open(repository_path);
	assert_non_null(repository);
	publish(repository);
	signer_text(repository->encryption->signer, signer);
	repository_close(repository);
	load_keys(wrapping, reader, key_path, signer);
	free(writer);
	free(reader);
}

/* Read all that there is.  True if everything was accepted; *bytes counts what came out. */
static bool
read_everything(const char *path, size_t *bytes)
{
	Repository *repository = repository_open(path);
	BackupName name = {.owner = {.name = DATABASE}, .id = BACKUP_ID};
	Manifest *manifest = NULL;
	char *problem = NULL;
	StoreResult result;
	Buffer plain;
	bool good;

	*bytes = 0;
	if (repository == NULL)
		return false;
	buffer_init(&plain);
	good = repository_check_header(repository);
	manifest = repository_manifest_inside(repository, &name);
	if (manifest != NULL)
	{
		problem = object_read(repository, manifest, 0, &plain, &result);
		good = good && problem == NULL;
		/* Damage to what describes nothing (RECOVER.txt) may leave the content readable. */
		if (plain.length > 0 &&
			(plain.length != sizeof(content) - 1 || memcmp(plain.data, content, plain.length) != 0))
			*bytes = plain.length;
	}
	else
		good = false;
	free(problem);
	buffer_free(&plain);
	manifest_free(manifest);
	repository_close(repository);
	return good;
}

static char *file_paths[32];
static int file_count;

static int
note_file(const char *path, const struct stat *status, int type, struct FTW *where)
{
	(void) status;
	(void) where;
	if (type == FTW_F && strstr(path, "/lock/") == NULL && file_count < 32)
		file_paths[file_count++] = xstrdup(path);
	return 0;
}

static void
read_file(const char *path, Buffer *out)
{
	FILE *file = fopen(path, "rb");
	char piece[8192];
	size_t n;

	assert_non_null(file);
	while ((n = fread(piece, 1, sizeof(piece), file)) > 0)
		buffer_append(out, piece, n);
	fclose(file);
}

static void
write_file(const char *path, const char *bytes, size_t length)
{
	FILE *file = fopen(path, "wb");

	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, length, file), length);
	assert_int_equal(fclose(file), 0);
}

/* The first failure: reported at the end, as errors are not shown during the sweep. */
static char *failure;

/* What is in the file now must not be accepted. */
static void
refuse(const char *repository, const char *path, const char *what, size_t position)
{
	size_t bytes;
	bool accepted = read_everything(repository, &bytes);

	if ((accepted || bytes != 0) && failure == NULL)
		failure = xasprintf("%s: %s, %s at %zu", accepted ? "accepted" : "bytes came out", path,
							what, position);
}

static size_t
sweep_file(const char *repository, const char *path, size_t step)
{
	size_t length = strlen(path);
	bool sealed = length > 5 && strcmp(path + length - 5, ".json") == 0;
	size_t trials = 0;
	Buffer original;
	size_t i;

	buffer_init(&original);
	read_file(path, &original);
	for (i = 0; i < original.length; i += step)
	{
		char *byte = original.data + i;
		char kept = *byte;

		*byte = (char) (kept ^ (1 << i % 8));
		write_file(path, original.data, original.length);
		refuse(repository, path, "flipped", i);
		if (sealed && i < original.length - SEAL_LENGTH)
		{
			Buffer again;

			buffer_init(&again);
			buffer_append(&again, original.data, original.length - SEAL_LENGTH);
			assert_true(seal_append(&again));
			write_file(path, again.data, again.length);
			refuse(repository, path, "flipped and sealed", i);
			buffer_free(&again);
		}
		*byte = kept;
		write_file(path, original.data, i);
		refuse(repository, path, "cut off", i);
		trials++;
	}
	write_file(path, original.data, original.length);
	buffer_free(&original);
	return trials;
}

static void
sweep(Cipher cipher, KeyWrapping wrapping)
{
	size_t step = getenv("NEXB_EVERY_BYTE") != NULL ? 1 : 41;
	char *repository = xasprintf("%s/repo", scratch);
	size_t trials = 0;
	size_t bytes;
	int null;
	int shown;
	int i;

	make_repository(cipher, wrapping, repository);
	assert_true(read_everything(repository, &bytes));
	file_count = 0;
	assert_int_equal(nftw(repository, note_file, 8, FTW_PHYS), 0);
	assert_int_equal(file_count, 5); /* nex_backup.json, RECOVER.txt, manifest, listing, object */
	shown = dup(STDERR_FILENO);
	null = open("/dev/null", O_WRONLY);
	assert_true(shown >= 0 && null >= 0);
	dup2(null, STDERR_FILENO);
	for (i = 0; i < file_count; i++)
	{
		trials += sweep_file(repository, file_paths[i], step);
		free(file_paths[i]);
	}
	dup2(shown, STDERR_FILENO);
	close(shown);
	close(null);
	if (failure != NULL)
		fail_msg("%s", failure);
	assert_true(read_everything(repository, &bytes));
	print_message("# %s: %zu positions, 0 accepted\n", cipher_name(cipher), trials);
	assert_true(trials > 100);
	free(repository);
	keyring_free();
}

static void
test_every_byte_age(void **state)
{
	(void) state;
	sweep(CIPHER_AGE, WRAPPED_FOR_RECIPIENTS);
}

static void
test_every_byte_aes(void **state)
{
	(void) state;
	sweep(CIPHER_AES_256_GCM, WRAPPED_FOR_RECIPIENTS);
}

static void
test_every_byte_key_file(void **state)
{
	(void) state;
	sweep(CIPHER_AES_256_GCM, WRAPPED_BY_KEY_FILE);
}

static void
test_every_byte_passphrase(void **state)
{
	(void) state;
	sweep(CIPHER_AES_256_GCM, WRAPPED_BY_PASSPHRASE);
}

/* A wrong secret is refused; without one the backup is locked, and nothing can be written. */
static void
test_secrets(void **state)
{
	char *path = xasprintf("%s/repo", scratch);
	char *writer = xasprintf("%s/writer", scratch);
	BackupName name = {.owner = {.name = DATABASE}, .id = BACKUP_ID};
	KeyWrapping wrapping;

	(void) state;
	for (wrapping = WRAPPED_BY_KEY_FILE; wrapping <= WRAPPED_BY_PASSPHRASE; wrapping++)
	{
		Repository *repository;
		Manifest *manifest;
		char *error = NULL;

		make_repository(CIPHER_AES_256_GCM, wrapping, path);
		load_keys(WRAPPED_FOR_RECIPIENTS, writer, NULL, NULL);
		repository = repository_open(path);
		assert_non_null(repository);
		assert_false(encryption_can_write(repository));
		manifest = repository_manifest_try(repository, &name, &error);
		assert_non_null(manifest);
		assert_true(manifest->locked);
		assert_false(manifest_require_open(repository, manifest));
		manifest_free(manifest);
		repository_close(repository);

		load_keys(wrapping, writer, key_path, NULL);
		repository = repository_open(path);
		assert_non_null(repository);
		assert_true(encryption_can_write(repository));
		repository_close(repository);

		write_key("1" KEY_TEXT_END);
		load_keys(wrapping, writer, key_path, NULL);
		assert_null(repository_open(path));
		path[strlen(path) - 1]++;
	}
	keyring_free();
	free(path);
	free(writer);
}

/* What a key file may look like. */
static void
test_key_files(void **state)
{
	static const char *const good[] = {
		KEY_TEXT,
		KEY_TEXT "\n",
		"# a comment\r\n\r\n" KEY_TEXT "\r\n",
		"AQID+gAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
		"AQID+gAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n",
		"010203FA" ZEROES,
	};
	static const char *const bad[] = {
		"",
		"# only a comment\n",
		"010203fa",
		KEY_TEXT "0",
		KEY_TEXT "\n" KEY_TEXT "\n",
		"x" KEY_TEXT_END,
		"AQID+gAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB=",
		"AQID+gAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==",
		"0123456789abcdef0123456789abcdef", /* 32 characters, not bytes */
		"a passphrase",
	};
	static const uint8_t expected[KEY_BYTES] = {1, 2, 3, 250};
	uint8_t key[KEY_BYTES];
	char text[SYMMETRIC_KEY_SIZE];
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++)
	{
		memset(key, 0, sizeof(key));
		assert_null(symmetric_key_parse(good[i], strlen(good[i]), key));
		assert_memory_equal(key, expected, KEY_BYTES);
	}
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_non_null(symmetric_key_parse(bad[i], strlen(bad[i]), key));
	memset(key, 0, sizeof(key));
	assert_null(symmetric_key_parse((const char *) expected, KEY_BYTES, key));
	assert_memory_equal(key, expected, KEY_BYTES);
	symmetric_key_text(key, text);
	assert_string_equal(text, KEY_TEXT);
}

/* The same content is stored once; after a change of recipients it is stored anew. */
static void
test_reuse(void **state)
{
	Owner owner = owner_of(NULL, DATABASE);
	char *path = xasprintf("%s/repo", scratch);
	char *writer = xasprintf("%s/writer", scratch);
	char identity[AGE_IDENTITY_SIZE];
	char recipient[AGE_RECIPIENT_SIZE];
	Repository *repository;
	ManifestObject object;
	Manifest *previous;
	ObjectStore *store;

	(void) state;
	make_repository(CIPHER_AGE, WRAPPED_FOR_RECIPIENTS, path);
	load_keys(WRAPPED_FOR_RECIPIENTS, writer, NULL, NULL);
	repository = repository_open(path);
	assert_non_null(repository);
	previous = manifest_to_build_on(repository, &owner);
	assert_non_null(previous);
	assert_false(previous->locked); /* its own copy */
	store = object_store_create(repository, "", CODEC_NONE, previous);
	assert_true(object_store_put(store, content, sizeof(content) - 1, &object));
	assert_string_equal(object.id, previous->objects[0].id);
	assert_int_equal(object_store_new_objects(store), 0);
	assert_true(object_store_put(store, "other", 5, &object));
	assert_int_equal(object_store_new_objects(store), 1);
	object_store_free(store);
	manifest_free(previous);

	assert_true(age_identity_generate(identity, recipient));
	assert_null(age_recipients_add(&repository->encryption->recipients, recipient));
	assert_true(repository_rewrite(repository));
	assert_null(manifest_to_build_on(repository, &owner));
	repository_close(repository);
	keyring_free();
	free(path);
	free(writer);
}

/* What is read of the header while another program changes the keys is out of date, not replaced.
 */
static bool
read_header(Repository *repository, const Buffer *file, bool *outpaced)
{
	json_t *root = json_loadb(file->data, file->length, 0, NULL);
	Repository again = {.storage = repository->storage, .id = repository->id};
	bool good = encryption_read(&again, root, file);

	*outpaced = again.outpaced;
	encryption_free(again.encryption);
	json_decref(root);
	return good;
}

static void
test_keys_changed_meanwhile(void **state)
{
	char *path = xasprintf("%s/repo", scratch);
	char *header = xasprintf("%s/repo/nex_backup.json", scratch);
	char *writer = xasprintf("%s/writer", scratch);
	Repository *repository;
	bool outpaced;
	Buffer file;

	(void) state;
	make_repository(CIPHER_AGE, WRAPPED_FOR_RECIPIENTS, path);
	load_keys(WRAPPED_FOR_RECIPIENTS, writer, NULL, NULL);
	repository = repository_open(path);
	assert_non_null(repository);
	buffer_init(&file);
	read_file(header, &file);
	assert_true(read_header(repository, &file, &outpaced));
	assert_true(repository_rewrite(repository));
	assert_false(read_header(repository, &file, &outpaced));
	assert_true(outpaced);

	/* The old one in its place is another thing: it can be read, but not written to. */
	write_file(header, file.data, file.length);
	assert_true(read_header(repository, &file, &outpaced));
	assert_false(outpaced);
	repository_close(repository);
	repository = repository_open(path);
	assert_non_null(repository);
	assert_false(encryption_can_write(repository));
	buffer_free(&file);
	repository_close(repository);
	keyring_free();
	free(path);
	free(header);
	free(writer);
}

/* Add bytes to the first object's file, or take some away. */
static void
resize_object(const Manifest *manifest, int by)
{
	char *relative = manifest_object_path(manifest, 0);
	char *full = xasprintf("%s/repo/%s", scratch, relative);
	struct stat status;

	assert_int_equal(stat(full, &status), 0);
	assert_int_equal(truncate(full, status.st_size + by), 0);
	free(relative);
	free(full);
}

/* An object whose file has another length than its manifest says is not used again. */
static void
test_other_length(void **state)
{
	Owner owner = owner_of(NULL, DATABASE);
	static const int changes[] = {1, -1};
	char *path = xasprintf("%s/repo", scratch);
	char *writer = xasprintf("%s/writer", scratch);
	Repository *repository;
	Manifest *previous;
	size_t i;

	(void) state;
	make_repository(CIPHER_AGE, WRAPPED_FOR_RECIPIENTS, path);
	load_keys(WRAPPED_FOR_RECIPIENTS, writer, NULL, NULL);
	repository = repository_open(path);
	assert_non_null(repository);
	previous = manifest_to_build_on(repository, &owner);
	assert_non_null(previous);
	for (i = 0; i < sizeof(changes) / sizeof(changes[0]); i++)
	{
		ObjectStore *store;
		ManifestObject object;

		resize_object(previous, changes[i]);
		store = object_store_create(repository, "", CODEC_NONE, previous);
		assert_true(object_store_put(store, content, sizeof(content) - 1, &object));
		assert_int_equal(object_store_new_objects(store), 1);
		assert_string_not_equal(object.id, previous->objects[0].id);
		resize_object(previous, -changes[i]);
		object_store_free(store);
	}
	manifest_free(previous);
	repository_close(repository);
	keyring_free();
	free(path);
	free(writer);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_every_byte_age, scratch_create, scratch_destroy),
		cmocka_unit_test_setup_teardown(test_every_byte_aes, scratch_create, scratch_destroy),
		cmocka_unit_test_setup_teardown(test_every_byte_key_file, scratch_create, scratch_destroy),
		cmocka_unit_test_setup_teardown(test_every_byte_passphrase, scratch_create,
										scratch_destroy),
		cmocka_unit_test_setup_teardown(test_secrets, scratch_create, scratch_destroy),
		cmocka_unit_test(test_key_files),
		cmocka_unit_test_setup_teardown(test_reuse, scratch_create, scratch_destroy),
		cmocka_unit_test_setup_teardown(test_other_length, scratch_create, scratch_destroy),
		cmocka_unit_test_setup_teardown(test_keys_changed_meanwhile, scratch_create,
										scratch_destroy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
