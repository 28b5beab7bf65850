/*-------------------------------------------------------------------------
 *
 * test_forged.c
 *	  Encrypted files as nobody but an attacker, or a program with a fault,
 *	  writes them.
 *
 * The published vectors of age have some of them, too, but they are not part
 * of the tree (test_age.c).
 *
 *-------------------------------------------------------------------------
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "age.h"
#include "memory.h"
#include "nxb.h"
#include "stream.h"

#define SEGMENT 64

static const StreamParameters parameters = {
	.algorithm = AEAD_CHACHA20_POLY1305,
	.key = {1, 2, 3},
	.prefix = {4, 5, 6},
	.first_segment = SEGMENT,
	.segment = SEGMENT,
};

static bool
append(void *argument, const void *data, size_t length)
{
	buffer_append(argument, data, length);
	return true;
}

/* Append a segment of so many bytes, sealed as if it had this number. */
static void
add_segment(Buffer *sealed, uint8_t number, bool last, size_t length)
{
	static const uint8_t plain[SEGMENT];
	uint8_t nonce[AEAD_NONCE_BYTES] = {0};
	uint8_t out[SEGMENT + AEAD_TAG_BYTES];
	Aead *aead = aead_create(parameters.algorithm, parameters.key, true);

	memcpy(nonce, parameters.prefix, STREAM_PREFIX_BYTES);
	nonce[10] = number;
	nonce[11] = last ? 1 : 0;
	assert_non_null(aead);
	assert_true(aead_seal(aead, nonce, plain, length, out));
	buffer_append(sealed, out, length + AEAD_TAG_BYTES);
	aead_free(aead);
}

/* Open it in pieces of this size. */
static StreamResult
open_stream(const Buffer *sealed, size_t piece)
{
	Buffer plain;
	StreamOpener *opener;
	StreamResult result = STREAM_OK;
	size_t at;

	buffer_init(&plain);
	opener = stream_opener_create(&parameters, append, &plain);
	assert_non_null(opener);
	for (at = 0; at < sealed->length && result == STREAM_OK; at += piece)
		result = stream_opener_write(opener, sealed->data + at,
									 sealed->length - at < piece ? sealed->length - at : piece);
	if (result == STREAM_OK)
		result = stream_opener_finish(opener);
	stream_opener_free(opener);
	buffer_free(&plain);
	return result;
}

static void
expect_stream(Buffer *sealed, StreamResult expected)
{
	static const size_t pieces[] = {1, 7, SEGMENT + AEAD_TAG_BYTES, 10000};
	size_t i;

	for (i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++)
		assert_int_equal(open_stream(sealed, pieces[i]), expected);
	buffer_free(sealed);
	buffer_init(sealed);
}

static void
test_segments(void **state)
{
	Buffer sealed;

	(void) state;
	buffer_init(&sealed);
	add_segment(&sealed, 0, true, 0);
	expect_stream(&sealed, STREAM_OK);

	add_segment(&sealed, 0, false, SEGMENT);
	add_segment(&sealed, 1, true, SEGMENT);
	expect_stream(&sealed, STREAM_OK);

	/* An empty one is the last behind others. */
	add_segment(&sealed, 0, false, SEGMENT);
	add_segment(&sealed, 1, true, 0);
	expect_stream(&sealed, STREAM_DAMAGED);

	/* The last is cut off, at its border. */
	add_segment(&sealed, 0, false, SEGMENT);
	expect_stream(&sealed, STREAM_DAMAGED);

	/* Something follows the last. */
	add_segment(&sealed, 0, true, SEGMENT);
	buffer_append_char(&sealed, 'x');
	expect_stream(&sealed, STREAM_DAMAGED);
	add_segment(&sealed, 0, true, SEGMENT);
	add_segment(&sealed, 1, true, SEGMENT);
	expect_stream(&sealed, STREAM_DAMAGED);

	/* Two are in the other order. */
	add_segment(&sealed, 1, false, SEGMENT);
	add_segment(&sealed, 0, false, SEGMENT);
	add_segment(&sealed, 2, true, SEGMENT);
	expect_stream(&sealed, STREAM_DAMAGED);

	/* One that is not the last is short. */
	add_segment(&sealed, 0, false, SEGMENT - 1);
	add_segment(&sealed, 1, true, SEGMENT);
	expect_stream(&sealed, STREAM_DAMAGED);
}

/* A file of age for a passphrase, or a key; its header is the text before "---". */
static char *
age_file(bool passphrase, AgeIdentities *identities)
{
	char identity[AGE_IDENTITY_SIZE];
	char recipient[AGE_RECIPIENT_SIZE];
	AgeRecipients recipients;
	Buffer sealed;

	memset(&recipients, 0, sizeof(recipients));
	memset(identities, 0, sizeof(*identities));
	buffer_init(&sealed);
	if (passphrase)
	{
		assert_null(age_recipients_add_passphrase(&recipients, "correct horse", 13, 10));
		assert_null(age_identities_add_passphrase(identities, "correct horse", 13));
	}
	else
	{
		assert_true(age_identity_generate(identity, recipient));
		assert_null(age_recipients_add(&recipients, recipient));
		assert_null(age_identities_add(identities, identity));
	}
	assert_int_equal(age_encrypt(&recipients, "", 0, &sealed), AGE_OK);
	age_recipients_free(&recipients);
	return buffer_detach(&sealed);
}

static AgeResult
open_age(const AgeIdentities *identities, const char *header, const char *rest)
{
	char *file = xasprintf("%s%s%32s", header, rest, "");
	Buffer plain;
	AgeResult result;

	buffer_init(&plain);
	result = age_decrypt(identities, file, strlen(file), &plain);
	buffer_free(&plain);
	free(file);
	return result;
}

/* The stanzas of a header: from behind its first line to its MAC; caller frees. */
static char *
stanzas_of(const char *file)
{
	const char *start = strchr(file, '\n') + 1;

	return xasprintf("%.*s", (int) (strstr(file, "\n---") + 1 - start), start);
}

/* Who knows the passphrase could else have it opened as somebody else's. */
static void
test_passphrase_stands_alone(void **state)
{
	static const char mac[] = "--- AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n";
	AgeIdentities by_phrase;
	AgeIdentities by_key;
	char *phrase_file = age_file(true, &by_phrase);
	char *key_file = age_file(false, &by_key);
	char *phrase = stanzas_of(phrase_file);
	char *key = stanzas_of(key_file);
	char *alone = xasprintf("age-encryption.org/v1\n%s", phrase);
	char *before = xasprintf("age-encryption.org/v1\n%s%s", phrase, key);
	char *behind = xasprintf("age-encryption.org/v1\n%s%s", key, phrase);
	char *twice = xasprintf("age-encryption.org/v1\n%s%s", phrase, phrase);

	(void) state;
	assert_int_equal(open_age(&by_phrase, alone, mac), AGE_BAD_MAC);
	assert_int_equal(open_age(&by_phrase, before, mac), AGE_BAD_HEADER);
	assert_int_equal(open_age(&by_phrase, behind, mac), AGE_BAD_HEADER);
	assert_int_equal(open_age(&by_phrase, twice, mac), AGE_BAD_HEADER);
	assert_int_equal(open_age(&by_key, before, mac), AGE_BAD_HEADER);
	assert_int_equal(open_age(&by_key, behind, mac), AGE_BAD_HEADER);
	free(alone);
	free(before);
	free(behind);
	free(twice);
	free(phrase);
	free(key);
	free(phrase_file);
	free(key_file);
	age_identities_free(&by_phrase);
	age_identities_free(&by_key);
}

/* More work than is reasonable is not begun. */
static void
test_work(void **state)
{
	static const char *const factors[] = {"20", "30", "63", "99", "0", "010", "1x", "-1", "100"};
	AgeIdentities identities;
	char *file = age_file(true, &identities);
	char *factor = strstr(file, " 10\n");
	size_t i;

	(void) state;
	assert_non_null(factor);
	*factor = '\0';
	for (i = 0; i < sizeof(factors) / sizeof(factors[0]); i++)
	{
		char *header = xasprintf("%s %s", file, factors[i]);

		assert_int_equal(open_age(&identities, header, factor + 3), AGE_BAD_HEADER);
		free(header);
	}
	free(file);
	age_identities_free(&identities);
}

/* Damage behind the first segment leaves nothing of it, in what there was before or behind. */
static void
test_nothing_stays(void **state)
{
	static const uint8_t secret[KEY_BYTES] = {1, 2, 3};
	size_t length = 2 * STREAM_SEGMENT_BYTES;
	char *plain = xmalloc(length);
	AgeIdentities identities;
	AgeRecipients recipients;
	Buffer sealed;
	Buffer opened;

	(void) state;
	memset(&identities, 0, sizeof(identities));
	memset(&recipients, 0, sizeof(recipients));
	memset(plain, 'p', length);
	age_identities_add_key_file(&identities, secret);
	age_recipients_add_key_file(&recipients, secret);
	buffer_init(&sealed);
	buffer_init(&opened);
	assert_int_equal(nxb_encrypt(&recipients, plain, length, &sealed), AGE_OK);
	sealed.data[sealed.length - 1] ^= 1;
	buffer_append_string(&opened, "before");
	assert_int_equal(nxb_decrypt(&identities, sealed.data, sealed.length, &opened),
					 AGE_BAD_PAYLOAD);
	assert_int_equal(opened.length, strlen("before"));
	assert_string_equal(opened.data, "before");
	assert_null(memchr(opened.data + 7, 'p', opened.capacity - 7));
	buffer_free(&sealed);
	buffer_free(&opened);
	age_identities_free(&identities);
	age_recipients_free(&recipients);
	free(plain);
}

/* What is said of a changed header is not that the payload is damaged. */
static void
test_mac_of_nxb(void **state)
{
	static const uint8_t secret[KEY_BYTES] = {1, 2, 3};
	static const uint8_t other[KEY_BYTES] = {4, 5, 6};
	AgeIdentities identities;
	AgeRecipients recipients;
	Buffer sealed;
	Buffer opened;
	char *stanza;

	(void) state;
	memset(&identities, 0, sizeof(identities));
	memset(&recipients, 0, sizeof(recipients));
	age_identities_add_key_file(&identities, secret);
	age_recipients_add_key_file(&recipients, other);
	age_recipients_add_key_file(&recipients, secret);
	buffer_init(&sealed);
	buffer_init(&opened);
	assert_int_equal(nxb_encrypt(&recipients, "x", 1, &sealed), AGE_OK);
	assert_int_equal(nxb_decrypt(&identities, sealed.data, sealed.length, &opened), AGE_OK);
	stanza = strstr(sealed.data, "-> key-file ") + strlen("-> key-file ");
	*stanza = *stanza == 'A' ? 'B' : 'A';
	assert_int_equal(nxb_decrypt(&identities, sealed.data, sealed.length, &opened), AGE_BAD_MAC);
	buffer_free(&sealed);
	buffer_free(&opened);
	age_identities_free(&identities);
	age_recipients_free(&recipients);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_segments),   cmocka_unit_test(test_passphrase_stands_alone),
		cmocka_unit_test(test_work),       cmocka_unit_test(test_nothing_stays),
		cmocka_unit_test(test_mac_of_nxb),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
