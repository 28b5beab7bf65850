/*-------------------------------------------------------------------------
 *
 * test_age.c
 *	  age files: the published test vectors, the stock program in both
 *	  directions, every byte flipped and every prefix cut off.
 *
 * The vectors (C2SP/CCTV, age/testdata) lie in ../shared/vectors/age beside
 * the source tree, or where NEXB_VECTORS says; without them, or without the
 * program age, those tests say that they are skipped.
 *
 *-------------------------------------------------------------------------
 */
#include "scratch.h"

#include <dirent.h>
#include <libdeflate.h>

#include "age.h"
#include "age_armor.h"
#include "base64.h"
#include "digest.h"
#include "memory.h"

static const size_t border_sizes[] = {0, 1, 65535, 65536, 65537, 131072, 1000003};
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

/* A new key pair, as lists. */
static void
make_keys(AgeIdentities *identities, AgeRecipients *recipients, char identity[AGE_IDENTITY_SIZE],
		  char recipient[AGE_RECIPIENT_SIZE])
{
	memset(identities, 0, sizeof(*identities));
	memset(recipients, 0, sizeof(*recipients));
	assert_true(age_identity_generate(identity, recipient));
	assert_null(age_identities_add(identities, identity));
	assert_null(age_recipients_add(recipients, recipient));
}

static void
expect_open(const AgeIdentities *identities, const Buffer *sealed, const Buffer *plain)
{
	Buffer opened;

	buffer_init(&opened);
	assert_int_equal(age_decrypt(identities, sealed->data, sealed->length, &opened), AGE_OK);
	assert_int_equal(opened.length, plain->length);
	if (plain->length > 0)
		assert_memory_equal(opened.data, plain->data, plain->length);
	buffer_free(&opened);
}

static void
test_round_trip(void **state)
{
	char identity[AGE_IDENTITY_SIZE];
	char recipient[AGE_RECIPIENT_SIZE];
	AgeIdentities identities;
	AgeIdentities other = {0};
	AgeRecipients recipients;
	size_t i;

	(void) state;
	make_keys(&identities, &recipients, identity, recipient);
	/* A second recipient in front, so that the first stanza is somebody else's. */
	assert_true(age_identity_generate(identity, recipient));
	assert_null(age_recipients_add(&recipients, recipient));
	assert_null(age_identities_add(&other, identity));
	for (i = 0; i < NSIZES; i++)
	{
		Buffer plain = noise(border_sizes[i]);
		Buffer sealed;

		buffer_init(&sealed);
		assert_int_equal(age_encrypt(&recipients, plain.data, plain.length, &sealed), AGE_OK);
		expect_open(&identities, &sealed, &plain);
		expect_open(&other, &sealed, &plain);
		buffer_free(&sealed);
		buffer_free(&plain);
	}
	age_identities_free(&identities);
	age_identities_free(&other);
	age_recipients_free(&recipients);
}

static bool
append(void *argument, const void *data, size_t length)
{
	buffer_append(argument, data, length);
	return true;
}

/* Pieces of any length give the same as the whole. */
static void
test_pieces(void **state)
{
	static const size_t pieces[] = {1, 7, 65535, 65552, 100000};
	char identity[AGE_IDENTITY_SIZE];
	char recipient[AGE_RECIPIENT_SIZE];
	AgeIdentities identities;
	AgeRecipients recipients;
	Buffer plain = noise(200000);
	size_t i;

	(void) state;
	make_keys(&identities, &recipients, identity, recipient);
	for (i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++)
	{
		AgeEncryption *encryption;
		AgeDecryption *decryption;
		AgeResult result;
		Buffer sealed;
		Buffer opened;
		size_t at;

		buffer_init(&sealed);
		buffer_init(&opened);
		encryption = age_encryption_start(&recipients, append, &sealed, &result);
		assert_int_equal(result, AGE_OK);
		for (at = 0; at < plain.length; at += pieces[i])
			assert_int_equal(
				age_encryption_write(encryption, plain.data + at,
									 plain.length - at < pieces[i] ? plain.length - at : pieces[i]),
				AGE_OK);
		assert_int_equal(age_encryption_finish(encryption), AGE_OK);
		age_encryption_free(encryption);

		decryption = age_decryption_start(&identities, append, &opened);
		for (at = 0; at < sealed.length; at += pieces[i])
			assert_int_equal(age_decryption_write(
								 decryption, sealed.data + at,
								 sealed.length - at < pieces[i] ? sealed.length - at : pieces[i]),
							 AGE_OK);
		assert_int_equal(age_decryption_finish(decryption), AGE_OK);
		age_decryption_free(decryption);
		assert_int_equal(opened.length, plain.length);
		assert_memory_equal(opened.data, plain.data, plain.length);
		buffer_free(&sealed);
		buffer_free(&opened);
	}
	buffer_free(&plain);
	age_identities_free(&identities);
	age_recipients_free(&recipients);
}

/* Memory of exactly this size, so that the sanitizer sees each byte too many. */
static AgeResult
open_exact(const AgeIdentities *identities, const char *data, size_t length, size_t *released)
{
	char *exact = malloc(length > 0 ? length : 1);
	Buffer opened;
	AgeResult result;

	assert_non_null(exact);
	if (length > 0)
		memcpy(exact, data, length);
	buffer_init(&opened);
	result = age_decrypt(identities, exact, length, &opened);
	*released = opened.length;
	buffer_free(&opened);
	free(exact);
	return result;
}

static void
test_every_flip_and_prefix(void **state)
{
	char identity[AGE_IDENTITY_SIZE];
	char recipient[AGE_RECIPIENT_SIZE];
	AgeIdentities identities;
	AgeRecipients recipients;
	Buffer plain = noise(300);
	Buffer sealed;
	size_t released;
	size_t i;

	(void) state;
	make_keys(&identities, &recipients, identity, recipient);
	buffer_init(&sealed);
	assert_int_equal(age_encrypt(&recipients, plain.data, plain.length, &sealed), AGE_OK);
	for (i = 0; i < sealed.length; i++)
	{
		int bit;

		for (bit = 0; bit < 8; bit++)
		{
			sealed.data[i] ^= (char) (1 << bit);
			assert_int_not_equal(open_exact(&identities, sealed.data, sealed.length, &released),
								 AGE_OK);
			assert_int_equal(released, 0);
			sealed.data[i] ^= (char) (1 << bit);
		}
		assert_int_not_equal(open_exact(&identities, sealed.data, i, &released), AGE_OK);
		assert_int_equal(released, 0);
	}
	buffer_append_char(&sealed, 'x');
	assert_int_equal(open_exact(&identities, sealed.data, sealed.length, &released),
					 AGE_BAD_PAYLOAD);
	assert_int_equal(open_exact(&identities, sealed.data, sealed.length - 1, &released), AGE_OK);
	buffer_free(&sealed);
	buffer_free(&plain);
	age_identities_free(&identities);
	age_recipients_free(&recipients);
}

/* Segments dropped, swapped, doubled, and brought in from another file. */
static void
test_splices(void **state)
{
	const size_t segment = STREAM_SEGMENT_BYTES + AEAD_TAG_BYTES;
	char identity[AGE_IDENTITY_SIZE];
	char recipient[AGE_RECIPIENT_SIZE];
	AgeIdentities identities;
	AgeRecipients recipients;
	Buffer plain = noise(3 * STREAM_SEGMENT_BYTES);
	Buffer sealed[2];
	size_t released;
	size_t head;
	Buffer made;
	int i;

	(void) state;
	make_keys(&identities, &recipients, identity, recipient);
	for (i = 0; i < 2; i++)
	{
		buffer_init(&sealed[i]);
		assert_int_equal(age_encrypt(&recipients, plain.data, plain.length, &sealed[i]), AGE_OK);
	}
	head = sealed[0].length - 3 * segment;
	buffer_init(&made);

	/* the last one dropped: ends at a border of segments */
	assert_int_equal(open_exact(&identities, sealed[0].data, head + 2 * segment, &released),
					 AGE_BAD_PAYLOAD);
	assert_int_equal(released, 0);
	/* the middle one dropped */
	buffer_append(&made, sealed[0].data, head + segment);
	buffer_append(&made, sealed[0].data + head + 2 * segment, segment);
	assert_int_equal(open_exact(&identities, made.data, made.length, &released), AGE_BAD_PAYLOAD);
	/* the first two swapped */
	buffer_reset(&made);
	buffer_append(&made, sealed[0].data, head);
	buffer_append(&made, sealed[0].data + head + segment, segment);
	buffer_append(&made, sealed[0].data + head, segment);
	buffer_append(&made, sealed[0].data + head + 2 * segment, segment);
	assert_int_equal(open_exact(&identities, made.data, made.length, &released), AGE_BAD_PAYLOAD);
	/* one of another file, and the header of another file */
	buffer_reset(&made);
	buffer_append(&made, sealed[0].data, head + segment);
	buffer_append(&made, sealed[1].data + head + segment, 2 * segment);
	assert_int_equal(open_exact(&identities, made.data, made.length, &released), AGE_BAD_PAYLOAD);
	buffer_reset(&made);
	buffer_append(&made, sealed[1].data, head);
	buffer_append(&made, sealed[0].data + head, 3 * segment);
	assert_int_equal(open_exact(&identities, made.data, made.length, &released), AGE_BAD_PAYLOAD);

	buffer_free(&made);
	buffer_free(&sealed[0]);
	buffer_free(&sealed[1]);
	buffer_free(&plain);
	age_identities_free(&identities);
	age_recipients_free(&recipients);
}

static void
test_wrong_keys(void **state)
{
	char identity[AGE_IDENTITY_SIZE];
	char recipient[AGE_RECIPIENT_SIZE];
	AgeIdentities identities;
	AgeRecipients recipients;
	AgeRecipients passphrase = {0};
	AgeIdentities wrong = {0};
	AgeIdentities right = {0};
	Buffer sealed;
	size_t released;

	(void) state;
	make_keys(&identities, &recipients, identity, recipient);
	buffer_init(&sealed);
	assert_true(age_identity_generate(identity, recipient));
	assert_null(age_identities_add(&wrong, identity));
	assert_int_equal(age_encrypt(&recipients, "abc", 3, &sealed), AGE_OK);
	assert_int_equal(open_exact(&wrong, sealed.data, sealed.length, &released), AGE_NO_MATCH);
	assert_int_equal(released, 0);

	buffer_reset(&sealed);
	assert_null(age_recipients_add_passphrase(&passphrase, "correct horse", 13, 10));
	assert_non_null(age_recipients_add(&passphrase, recipient));
	assert_int_equal(age_encrypt(&passphrase, "abc", 3, &sealed), AGE_OK);
	assert_null(age_identities_add_passphrase(&wrong, "correct horsf", 13));
	assert_int_equal(open_exact(&wrong, sealed.data, sealed.length, &released), AGE_NO_MATCH);
	assert_int_equal(released, 0);
	assert_null(age_identities_add_passphrase(&right, "correct horse", 13));
	assert_int_equal(open_exact(&right, sealed.data, sealed.length, &released), AGE_OK);
	assert_int_equal(released, 3);

	buffer_free(&sealed);
	age_identities_free(&identities);
	age_identities_free(&wrong);
	age_identities_free(&right);
	age_recipients_free(&recipients);
	age_recipients_free(&passphrase);
}

static void
test_key_texts(void **state)
{
	static const char sample[] =
		"# comment\n\nage1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73"
		"equnujwj\r\n";
	char identity[AGE_IDENTITY_SIZE];
	char recipient[AGE_RECIPIENT_SIZE];
	char again[AGE_RECIPIENT_SIZE];
	AgeRecipients recipients = {0};
	AgeIdentities identities = {0};
	size_t i;
	int line;

	(void) state;
	assert_null(age_recipients_read(&recipients, sample, strlen(sample), &line));
	assert_int_equal(recipients.count, 1);
	assert_non_null(age_recipients_read(&recipients, "\nage1\n", 6, &line));
	assert_int_equal(line, 2);

	assert_true(age_identity_generate(identity, recipient));
	assert_null(age_identities_add(&identities, identity));
	age_recipient_text(identities.items[0].public_key, again);
	assert_string_equal(recipient, again);
	assert_non_null(age_recipients_add(&recipients, identity));
	assert_non_null(age_identities_add(&identities, recipient));

	/* One wrong character anywhere is found. */
	for (i = 0; recipient[i] != '\0'; i++)
	{
		char kept = recipient[i];

		recipient[i] = kept == 'q' ? 'p' : 'q';
		assert_non_null(age_recipients_add(&recipients, recipient));
		recipient[i] = kept;
	}
	for (i = 0; identity[i] != '\0'; i++)
	{
		char kept = identity[i];

		identity[i] = kept == 'Q' ? 'P' : 'Q';
		assert_non_null(age_identities_add(&identities, identity));
		identity[i] = kept;
	}
	assert_int_equal(recipients.count, 1);
	assert_int_equal(identities.count, 1);
	age_recipients_free(&recipients);
	age_identities_free(&identities);
}

static void
test_armor(void **state)
{
	size_t length;

	(void) state;
	for (length = 0; length < 200; length++)
	{
		Buffer plain = noise(length);
		Buffer text;
		Buffer decoded;
		size_t i;

		buffer_init(&text);
		buffer_init(&decoded);
		age_armor_encode(plain.data, plain.length, &text);
		assert_true(age_armor_decode(text.data, text.length, &decoded));
		assert_int_equal(decoded.length, length);
		if (length > 0)
			assert_memory_equal(decoded.data, plain.data, length);
		for (i = 0; i + 2 < text.length; i++)
		{
			size_t before = decoded.length;

			assert_false(age_armor_decode(text.data, i, &decoded));
			assert_int_equal(decoded.length, before);
		}
		buffer_free(&text);
		buffer_free(&decoded);
		buffer_free(&plain);
	}
}

/* ---- the published vectors ---- */

typedef struct Vector
{
	AgeResult expected;
	bool armor_failure;
	bool armored;
	bool compressed;
	bool unknown; /* has a key, or needs an identity, that we do not know */
	char payload[65];
	AgeIdentities identities;
} Vector;

static void
vector_line(Vector *vector, char *line)
{
	static const struct
	{
		const char *name;
		AgeResult result;
	} results[] = {{"success", AGE_OK},
				   {"header failure", AGE_BAD_HEADER},
				   {"no match", AGE_NO_MATCH},
				   {"HMAC failure", AGE_BAD_MAC},
				   {"payload failure", AGE_BAD_PAYLOAD}};
	char *value = strstr(line, ": ");
	size_t i;

	assert_non_null(value);
	*value = '\0';
	value += 2;
	if (strcmp(line, "expect") == 0)
	{
		vector->armor_failure = strcmp(value, "armor failure") == 0;
		for (i = 0; i < sizeof(results) / sizeof(results[0]); i++)
		{
			if (strcmp(value, results[i].name) == 0)
			{
				vector->expected = results[i].result;
				return;
			}
		}
		assert_true(vector->armor_failure);
	}
	else if (strcmp(line, "payload") == 0)
		snprintf(vector->payload, sizeof(vector->payload), "%s", value);
	else if (strcmp(line, "identity") == 0)
	{
		if (age_identities_add(&vector->identities, value) != NULL)
			vector->unknown = true;
	}
	else if (strcmp(line, "passphrase") == 0)
		assert_null(age_identities_add_passphrase(&vector->identities, value, strlen(value)));
	else if (strcmp(line, "armored") == 0)
		vector->armored = true;
	else if (strcmp(line, "compressed") == 0)
		vector->compressed = true;
	else if (strcmp(line, "file key") != 0 && strcmp(line, "comment") != 0)
		vector->unknown = true;
}

static void
read_file(const char *path, Buffer *content)
{
	FILE *file = fopen(path, "rb");
	char piece[8192];
	size_t n;

	assert_non_null(file);
	while ((n = fread(piece, 1, sizeof(piece), file)) > 0)
		buffer_append(content, piece, n);
	fclose(file);
}

static void
inflate_rest(const char *data, size_t length, Buffer *out)
{
	struct libdeflate_decompressor *decompressor = libdeflate_alloc_decompressor();
	size_t size = 0;

	assert_non_null(decompressor);
	buffer_reserve(out, 64 * 1024 * 1024);
	assert_int_equal(
		libdeflate_zlib_decompress(decompressor, data, length, out->data, 64 * 1024 * 1024, &size),
		LIBDEFLATE_SUCCESS);
	libdeflate_free_decompressor(decompressor);
	out->length = size;
}

/* True if it was run, false if it does not apply. */
static bool
run_vector(const char *path, const char *name)
{
	Vector vector = {0};
	AgeResult result = AGE_UNABLE;
	AgeDecryption *decryption;
	DigestHex digest;
	Buffer file;
	Buffer sealed;
	Buffer opened;
	bool armor_good = true;
	char *line;
	char *end;

	buffer_init(&file);
	buffer_init(&sealed);
	buffer_init(&opened);
	read_file(path, &file);
	for (line = file.data; *line != '\n'; line = end + 1)
	{
		end = strchr(line, '\n');
		*end = '\0';
		vector_line(&vector, line);
	}
	line++;
	if (vector.compressed)
		inflate_rest(line, file.length - (size_t) (line - file.data), &sealed);
	else
		buffer_append(&sealed, line, file.length - (size_t) (line - file.data));
	if (vector.armored)
	{
		Buffer decoded;

		buffer_init(&decoded);
		armor_good = age_armor_decode(sealed.data, sealed.length, &decoded);
		buffer_free(&sealed);
		sealed = decoded;
	}
	if (!vector.unknown)
	{
		if (armor_good == vector.armor_failure)
			fail_msg("%s: the armor was %s", name, armor_good ? "accepted" : "refused");
		if (armor_good)
		{
			decryption = age_decryption_start(&vector.identities, append, &opened);
			age_decryption_write(decryption, sealed.data, sealed.length);
			result = age_decryption_finish(decryption);
			age_decryption_free(decryption);
			if (result != vector.expected)
				fail_msg("%s: expected %d, got %d", name, vector.expected, result);
			assert_true(
				digest_buffer(opened.data != NULL ? opened.data : "", opened.length, digest));
			if (vector.payload[0] != '\0' && strcmp(vector.payload, digest) != 0)
				fail_msg("%s: other bytes were released: %zu", name, opened.length);
			if (vector.payload[0] == '\0')
				assert_int_equal(opened.length, 0);
		}
	}
	age_identities_free(&vector.identities);
	buffer_free(&file);
	buffer_free(&sealed);
	buffer_free(&opened);
	return !vector.unknown;
}

static void
test_vectors(void **state)
{
	const char *where = getenv("NEXB_VECTORS");
	char directory[512];
	struct dirent *entry;
	int skipped = 0;
	int run = 0;
	DIR *handle;

	(void) state;
	snprintf(directory, sizeof(directory), "%s/age/testdata",
			 where != NULL ? where : "../shared/vectors");
	handle = opendir(directory);
	if (handle == NULL)
	{
		print_message("# SKIPPED: no age test vectors in \"%s\" (NEXB_VECTORS says where)\n",
					  directory);
		return;
	}
	while ((entry = readdir(handle)) != NULL)
	{
		char *path;

		if (entry->d_name[0] == '.')
			continue;
		path = xasprintf("%s/%s", directory, entry->d_name);
		if (run_vector(path, entry->d_name))
			run++;
		else
			skipped++;
		free(path);
	}
	closedir(handle);
	print_message("# %d vectors run, %d do not apply (post-quantum identities)\n", run, skipped);
	assert_true(run >= 120);
}

/* ---- the stock program ---- */

static bool
have_age(void)
{
	return access("/usr/bin/age", X_OK) == 0;
}

/* Run age with these arguments, input and output files; its exit code. */
static int
run_age(const char *const arguments[], const char *input, const char *output)
{
	int status;
	pid_t child = fork();

	if (child == 0)
	{
		if (freopen(input, "rb", stdin) == NULL || freopen(output, "wb", stdout) == NULL)
			_exit(126);
		execv("/usr/bin/age", (char *const *) arguments);
		_exit(127);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void
write_file(const char *path, const void *data, size_t length)
{
	FILE *file = fopen(path, "wb");

	assert_non_null(file);
	assert_int_equal(fwrite(data, 1, length, file), length);
	assert_int_equal(fclose(file), 0);
}

static void
test_stock_program(void **state)
{
	char identity[AGE_IDENTITY_SIZE];
	char recipient[AGE_RECIPIENT_SIZE];
	AgeIdentities identities;
	AgeRecipients recipients;
	size_t i;

	(void) state;
	if (!have_age())
	{
		print_message("# SKIPPED: the program age is not installed\n");
		return;
	}
	make_keys(&identities, &recipients, identity, recipient);
	write_file(scratch_path("key"), identity, strlen(identity));
	for (i = 0; i < 2 * NSIZES; i++)
	{
		const char *const decrypt[] = {"age", "-d", "-i", scratch_path("key"), NULL};
		const char *const encrypt[] = {"age", "-r", recipient, i < NSIZES ? NULL : "-a", NULL};
		Buffer plain = noise(border_sizes[i % NSIZES]);
		Buffer sealed;
		Buffer theirs;

		buffer_init(&sealed);
		buffer_init(&theirs);
		/* Ours to theirs, armored in the second round. */
		assert_int_equal(age_encrypt(&recipients, plain.data, plain.length, &sealed), AGE_OK);
		if (i >= NSIZES)
		{
			Buffer text;

			buffer_init(&text);
			age_armor_encode(sealed.data, sealed.length, &text);
			buffer_free(&sealed);
			sealed = text;
		}
		write_file(scratch_path("sealed"), sealed.data, sealed.length);
		assert_int_equal(run_age(decrypt, scratch_path("sealed"), scratch_path("opened")), 0);
		read_file(scratch_path("opened"), &theirs);
		assert_int_equal(theirs.length, plain.length);
		if (plain.length > 0)
			assert_memory_equal(theirs.data, plain.data, plain.length);

		/* Theirs to ours. */
		write_file(scratch_path("plain"), plain.length > 0 ? plain.data : "", plain.length);
		assert_int_equal(run_age(encrypt, scratch_path("plain"), scratch_path("theirs")), 0);
		buffer_reset(&theirs);
		read_file(scratch_path("theirs"), &theirs);
		if (i >= NSIZES)
		{
			buffer_reset(&sealed);
			assert_true(age_armor_decode(theirs.data, theirs.length, &sealed));
			expect_open(&identities, &sealed, &plain);
		}
		else
			expect_open(&identities, &theirs, &plain);
		buffer_free(&sealed);
		buffer_free(&theirs);
		buffer_free(&plain);
	}
	age_identities_free(&identities);
	age_recipients_free(&recipients);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_pieces),
		cmocka_unit_test(test_every_flip_and_prefix),
		cmocka_unit_test(test_splices),
		cmocka_unit_test(test_wrong_keys),
		cmocka_unit_test(test_key_texts),
		cmocka_unit_test(test_armor),
		cmocka_unit_test(test_vectors),
		cmocka_unit_test_setup_teardown(test_stock_program, scratch_create, scratch_destroy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
