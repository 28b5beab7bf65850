/*-------------------------------------------------------------------------
 *
 * test_nxb.c
 *	  The container of AES-256-GCM: there and back with each kind of key, an
 *	  independent decryptor, every bit flipped and every prefix cut off.
 *
 * The decryptor is tests/decrypt_aes.py; without python3-cryptography that
 * test says that it is skipped.
 *
 *-------------------------------------------------------------------------
 */
#include "scratch.h"

#include "memory.h"
#include "nxb.h"

/* Around the borders of the first segment, which is shorter, and of the others. */
static const size_t border_sizes[] = {0,     1,      65479,  65480,  65481,
									  65520, 130999, 131000, 131001, 1000003};
#define NSIZES (sizeof(border_sizes) / sizeof(border_sizes[0]))

static Buffer
noise(size_t length)
{
	Buffer buffer;
	uint64_t state = 88172645463325252ULL;

	buffer_init(&buffer);
	buffer_reserve(&buffer, length);
	while (buffer.length < length)
	{
		state ^= state << 13;
		state ^= state >> 7;
		state ^= state << 17;
		buffer_append_char(&buffer, (char) state);
	}
	return buffer;
}

/* Keys of one kind, and their text for the other decryptor. */
static char *
make_keys(AgeKeyType type, AgeIdentities *identities, AgeRecipients *recipients)
{
	char identity[AGE_IDENTITY_SIZE];
	char recipient[AGE_RECIPIENT_SIZE];
	static const uint8_t secret[KEY_BYTES] = {1, 2, 3, 250};
	PassphraseKey made = {{7, 8, 9}, 10, {0}};

	memset(identities, 0, sizeof(*identities));
	memset(recipients, 0, sizeof(*recipients));
	switch (type)
	{
		case AGE_X25519:
			assert_true(age_identity_generate(identity, recipient));
			assert_null(age_identities_add(identities, identity));
			assert_null(age_recipients_add(recipients, recipient));
			return xstrdup(identity);
		case AGE_PASSPHRASE:
			assert_null(age_identities_add_passphrase(identities, "correct horse", 13));
			assert_null(age_recipients_add_passphrase(recipients, "correct horse", 13, 10));
			return xstrdup("correct horse");
		case AGE_PASSPHRASE_KEY:
			assert_true(scrypt_key("correct horse", 13, made.salt, sizeof(made.salt), made.log_n,
								   made.key));
			age_identities_add_passphrase_key(identities, &made);
			age_recipients_add_passphrase_key(recipients, &made);
			return xstrdup("correct horse");
		case AGE_KEY_FILE:
			break;
	}
	age_identities_add_key_file(identities, secret);
	age_recipients_add_key_file(recipients, secret);
	return xasprintf("010203fa%056d", 0);
}

static void
free_keys(AgeIdentities *identities, AgeRecipients *recipients)
{
	age_identities_free(identities);
	age_recipients_free(recipients);
}

static void
test_round_trip(void **state)
{
	AgeKeyType type;
	size_t i;

	(void) state;
	for (type = AGE_X25519; type <= AGE_PASSPHRASE_KEY; type++)
	{
		AgeIdentities identities;
		AgeRecipients recipients;
		char *key = make_keys(type, &identities, &recipients);

		for (i = 0; i < NSIZES; i++)
		{
			Buffer plain = noise(border_sizes[i]);
			Buffer sealed;
			Buffer opened;

			buffer_init(&sealed);
			buffer_init(&opened);
			assert_int_equal(nxb_encrypt(&recipients, plain.data, plain.length, &sealed), AGE_OK);
			assert_int_equal(nxb_decrypt(&identities, sealed.data, sealed.length, &opened), AGE_OK);
			assert_int_equal(opened.length, plain.length);
			if (plain.length > 0)
				assert_memory_equal(opened.data, plain.data, plain.length);
			buffer_free(&plain);
			buffer_free(&sealed);
			buffer_free(&opened);
		}
		free(key);
		free_keys(&identities, &recipients);
	}
}

/* Memory of exactly this size, so that the sanitizer sees each byte too many. */
static AgeResult
open_exact(const AgeIdentities *identities, const char *data, size_t length)
{
	char *exact = malloc(length > 0 ? length : 1);
	Buffer opened;
	AgeResult result;

	assert_non_null(exact);
	memcpy(exact, data, length);
	buffer_init(&opened);
	result = nxb_decrypt(identities, exact, length, &opened);
	if (result != AGE_OK)
		assert_int_equal(opened.length, 0);
	buffer_free(&opened);
	free(exact);
	return result;
}

static void
test_every_flip_and_prefix(void **state)
{
	AgeIdentities identities;
	AgeRecipients recipients;
	char *key = make_keys(AGE_KEY_FILE, &identities, &recipients);
	Buffer plain = noise(300);
	Buffer sealed;
	size_t i;

	(void) state;
	buffer_init(&sealed);
	assert_int_equal(nxb_encrypt(&recipients, plain.data, plain.length, &sealed), AGE_OK);
	for (i = 0; i < sealed.length; i++)
	{
		int bit;

		for (bit = 0; bit < 8; bit++)
		{
			sealed.data[i] ^= (char) (1 << bit);
			assert_int_not_equal(open_exact(&identities, sealed.data, sealed.length), AGE_OK);
			sealed.data[i] ^= (char) (1 << bit);
		}
		assert_int_not_equal(open_exact(&identities, sealed.data, i), AGE_OK);
	}
	buffer_append_char(&sealed, 'x');
	assert_int_equal(open_exact(&identities, sealed.data, sealed.length), AGE_BAD_PAYLOAD);
	assert_int_equal(open_exact(&identities, sealed.data, sealed.length - 1), AGE_OK);
	buffer_free(&sealed);
	buffer_free(&plain);
	free(key);
	free_keys(&identities, &recipients);
}

/* A header of one file in front of the payload of another, and a wrong key. */
static void
test_splice_and_wrong_key(void **state)
{
	AgeIdentities identities;
	AgeIdentities other;
	AgeRecipients recipients;
	AgeRecipients others;
	char *key = make_keys(AGE_X25519, &identities, &recipients);
	char *other_key = make_keys(AGE_X25519, &other, &others);
	Buffer plain = noise(100);
	Buffer sealed[2];
	Buffer made;
	size_t head;
	int i;

	(void) state;
	for (i = 0; i < 2; i++)
	{
		buffer_init(&sealed[i]);
		assert_int_equal(nxb_encrypt(&recipients, plain.data, plain.length, &sealed[i]), AGE_OK);
	}
	head = sealed[0].length - (40 + 100 + 16);
	buffer_init(&made);
	buffer_append(&made, sealed[0].data, head);
	buffer_append(&made, sealed[1].data + head, sealed[1].length - head);
	assert_int_equal(open_exact(&identities, made.data, made.length), AGE_BAD_PAYLOAD);
	assert_int_equal(open_exact(&other, sealed[0].data, sealed[0].length), AGE_NO_MATCH);
	buffer_free(&made);
	buffer_free(&sealed[0]);
	buffer_free(&sealed[1]);
	buffer_free(&plain);
	free(key);
	free(other_key);
	free_keys(&identities, &recipients);
	free_keys(&other, &others);
}

static void
write_file(const char *path, const void *data, size_t length)
{
	FILE *file = fopen(path, "wb");

	assert_non_null(file);
	assert_int_equal(fwrite(data, 1, length, file), length);
	assert_int_equal(fclose(file), 0);
}

static int
run_python(const char *const arguments[], const char *input, const char *output)
{
	int status;
	pid_t child = fork();

	if (child == 0)
	{
		if (freopen(input, "rb", stdin) == NULL || freopen(output, "wb", stdout) == NULL)
			_exit(126);
		execv("/usr/bin/python3", (char *const *) arguments);
		_exit(127);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void
test_independent_decryptor(void **state)
{
	const char *const probe[] = {"python3", "-c", "import cryptography", NULL};
	const char *program =
		access("tests/decrypt_aes.py", R_OK) == 0 ? "tests/decrypt_aes.py" : "../decrypt_aes.py";
	AgeKeyType type;
	size_t i;

	(void) state;
	if (run_python(probe, "/dev/null", "/dev/null") != 0)
	{
		print_message("# SKIPPED: python3-cryptography is not installed\n");
		return;
	}
	for (type = AGE_X25519; type <= AGE_PASSPHRASE_KEY; type++)
	{
		AgeIdentities identities;
		AgeRecipients recipients;
		char *key = make_keys(type, &identities, &recipients);
		char *key_path = xstrdup(scratch_path("key"));
		const char *const arguments[] = {"python3", program, key_path, NULL};

		write_file(key_path, key, strlen(key));
		for (i = type == AGE_X25519 ? 0 : NSIZES - 1; i < NSIZES; i++)
		{
			Buffer plain = noise(border_sizes[i]);
			Buffer sealed;
			char *opened = malloc(border_sizes[i] + 1);
			FILE *file;

			buffer_init(&sealed);
			assert_int_equal(nxb_encrypt(&recipients, plain.data, plain.length, &sealed), AGE_OK);
			write_file(scratch_path("sealed"), sealed.data, sealed.length);
			assert_int_equal(run_python(arguments, scratch_path("sealed"), scratch_path("opened")),
							 0);
			file = fopen(scratch_path("opened"), "rb");
			assert_non_null(file);
			assert_int_equal(fread(opened, 1, border_sizes[i] + 1, file), border_sizes[i]);
			fclose(file);
			assert_memory_equal(opened, plain.length > 0 ? plain.data : "", plain.length);
			free(opened);
			buffer_free(&plain);
			buffer_free(&sealed);
		}
		free(key_path);
		free(key);
		free_keys(&identities, &recipients);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_every_flip_and_prefix),
		cmocka_unit_test(test_splice_and_wrong_key),
		cmocka_unit_test_setup_teardown(test_independent_decryptor, scratch_create,
										scratch_destroy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
