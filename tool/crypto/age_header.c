/*-------------------------------------------------------------------------
 *
 * age_header.c
 *	  Writing and reading the header of an age file.
 *
 * The reader accepts exactly what the specification says, byte for byte, and
 * computes the MAC over the bytes as they came.  One that would repair what
 * it reads, and then write it again to check the MAC, turns a parser's slip
 * into a question of cryptography.
 *
 * A stanza whose body is not exactly as long as a wrapped file key is refused
 * before it is decrypted: one with room for several keys lets its maker find
 * out which of many passphrases is the right one.
 *
 *-------------------------------------------------------------------------
 */
#include "age_header.h"

#include <stdlib.h>
#include <string.h>

#include "base64.h"

#define VERSION_LINE "age-encryption.org/v1\n"
#define MAC_PREFIX "---"
#define STANZA_PREFIX "-> "
#define X25519_LABEL "age-encryption.org/v1/X25519"
#define SCRYPT_LABEL "age-encryption.org/v1/scrypt"
#define COLUMNS 64
#define SCRYPT_SALT_BYTES 16
#define WRAPPED_BYTES (AGE_FILE_KEY_BYTES + AEAD_TAG_BYTES)
#define SHARE_CHARACTERS 43 /* 32 bytes in base64 without padding */
#define SALT_CHARACTERS 22

/* What a reader needs of a stanza; texts point into the header. */
typedef struct Word
{
	const char *text;
	size_t length;
} Word;

#define MAX_WORDS 3 /* of the stanzas that are known: type and two arguments */

typedef struct Stanza
{
	Word words[MAX_WORDS];
	int nwords;                  /* may be more than are kept */
	uint8_t body[WRAPPED_BYTES]; /* the beginning of the body */
	size_t body_length;
} Stanza;

static const uint8_t zero_nonce[AEAD_NONCE_BYTES];

/* ---- deriving keys ---- */

/* Seal or open a file key under a wrapping key, which is used once. */
static bool
wrap(const uint8_t key[KEY_BYTES], const uint8_t file_key[AGE_FILE_KEY_BYTES],
	 uint8_t wrapped[WRAPPED_BYTES])
{
	Aead *aead = aead_create(AEAD_CHACHA20_POLY1305, key, true);
	bool good = aead != NULL && aead_seal(aead, zero_nonce, file_key, AGE_FILE_KEY_BYTES, wrapped);

	aead_free(aead);
	return good;
}

static AgeResult
unwrap(const uint8_t key[KEY_BYTES], const uint8_t wrapped[WRAPPED_BYTES],
	   uint8_t file_key[AGE_FILE_KEY_BYTES])
{
	Aead *aead = aead_create(AEAD_CHACHA20_POLY1305, key, false);
	AgeResult result = AGE_UNABLE;

	if (aead != NULL)
		result =
			aead_open(aead, zero_nonce, wrapped, WRAPPED_BYTES, file_key) ? AGE_OK : AGE_NO_MATCH;
	aead_free(aead);
	return result;
}

/* The wrapping key from the shared secret and both public keys. */
static bool
x25519_wrapping_key(const uint8_t shared[KEY_BYTES], const uint8_t share[KEY_BYTES],
					const uint8_t public_key[KEY_BYTES], uint8_t key[KEY_BYTES])
{
	uint8_t salt[2 * KEY_BYTES];

	memcpy(salt, share, KEY_BYTES);
	memcpy(salt + KEY_BYTES, public_key, KEY_BYTES);
	return hkdf_sha256(shared, KEY_BYTES, salt, sizeof(salt), X25519_LABEL, strlen(X25519_LABEL),
					   key, KEY_BYTES);
}

static bool
scrypt_wrapping_key(const char *passphrase, size_t length, const uint8_t *salt, int log_n,
					uint8_t key[KEY_BYTES])
{
	uint8_t labelled[sizeof(SCRYPT_LABEL) - 1 + SCRYPT_SALT_BYTES];

	memcpy(labelled, SCRYPT_LABEL, sizeof(SCRYPT_LABEL) - 1);
	memcpy(labelled + sizeof(SCRYPT_LABEL) - 1, salt, SCRYPT_SALT_BYTES);
	return scrypt_key(passphrase, length, labelled, sizeof(labelled), log_n, key);
}

/* The MAC over the header up to and including "---". */
static bool
header_mac(const uint8_t file_key[AGE_FILE_KEY_BYTES], const char *header, size_t length,
		   uint8_t mac[MAC_BYTES])
{
	uint8_t key[KEY_BYTES];
	bool good = hkdf_sha256(file_key, AGE_FILE_KEY_BYTES, NULL, 0, "header", 6, key, sizeof(key)) &&
				hmac_sha256(key, sizeof(key), header, length, mac);

	secret_cleanse(key, sizeof(key));
	return good;
}

/* ---- writing ---- */

static bool
write_x25519(const AgeRecipient *recipient, const uint8_t file_key[AGE_FILE_KEY_BYTES],
			 Buffer *header, uint8_t wrapped[WRAPPED_BYTES])
{
	uint8_t ephemeral[KEY_BYTES];
	uint8_t share[KEY_BYTES];
	uint8_t shared[KEY_BYTES];
	uint8_t key[KEY_BYTES];
	bool good;

	good = random_bytes(ephemeral, sizeof(ephemeral)) && x25519_public(ephemeral, share) &&
		   x25519_shared(ephemeral, recipient->public_key, shared) &&
		   x25519_wrapping_key(shared, share, recipient->public_key, key) &&
		   wrap(key, file_key, wrapped);
	buffer_append_string(header, STANZA_PREFIX "X25519 ");
	base64_append(header, share, sizeof(share), false);
	secret_cleanse(ephemeral, sizeof(ephemeral));
	secret_cleanse(shared, sizeof(shared));
	secret_cleanse(key, sizeof(key));
	return good;
}

static bool
write_scrypt(const AgeRecipient *recipient, const uint8_t file_key[AGE_FILE_KEY_BYTES],
			 Buffer *header, uint8_t wrapped[WRAPPED_BYTES])
{
	uint8_t salt[SCRYPT_SALT_BYTES];
	uint8_t key[KEY_BYTES];
	bool good;

	good = random_bytes(salt, sizeof(salt)) &&
		   scrypt_wrapping_key(recipient->passphrase, recipient->passphrase_length, salt,
							   recipient->log_n, key) &&
		   wrap(key, file_key, wrapped);
	buffer_append_string(header, STANZA_PREFIX "scrypt ");
	base64_append(header, salt, sizeof(salt), false);
	buffer_printf(header, " %d", recipient->log_n);
	secret_cleanse(key, sizeof(key));
	return good;
}

AgeResult
age_header_write(const AgeRecipients *recipients, const uint8_t file_key[AGE_FILE_KEY_BYTES],
				 Buffer *header)
{
	size_t start = header->length;
	uint8_t wrapped[WRAPPED_BYTES];
	uint8_t mac[MAC_BYTES];
	bool good = recipients->count > 0;
	int i;

	buffer_append_string(header, VERSION_LINE);
	for (i = 0; good && i < recipients->count; i++)
	{
		const AgeRecipient *recipient = &recipients->items[i];

		if (recipient->type == AGE_X25519)
			good = write_x25519(recipient, file_key, header, wrapped);
		else
			good = recipient->type == AGE_PASSPHRASE &&
				   write_scrypt(recipient, file_key, header, wrapped);
		buffer_append_char(header, '\n');
		base64_append(header, wrapped, sizeof(wrapped), false); /* 43 characters: one line */
		buffer_append_char(header, '\n');
	}
	buffer_append_string(header, MAC_PREFIX);
	if (!good || !header_mac(file_key, header->data + start, header->length - start, mac))
		return AGE_UNABLE;
	buffer_append_char(header, ' ');
	base64_append(header, mac, sizeof(mac), false);
	buffer_append_char(header, '\n');
	return AGE_OK;
}

/* ---- reading ---- */

bool
age_header_end(const char *data, size_t length, size_t *header_length)
{
	const char *end = data + length;
	const char *line = data;
	size_t version = strlen(VERSION_LINE);

	*header_length = 0;
	if (memcmp(data, VERSION_LINE, length < version ? length : version) != 0)
		return true;
	while (line < end)
	{
		const char *stop = memchr(line, '\n', (size_t) (end - line));

		if (stop == NULL)
			break;
		if (strncmp(line, MAC_PREFIX, strlen(MAC_PREFIX)) == 0)
		{
			*header_length = (size_t) (stop + 1 - data);
			return true;
		}
		line = stop + 1;
	}
	return length >= AGE_MAX_HEADER;
}

/* Take the next line; NULL at the end. */
static const char *
next_line(const char **position, const char *end, size_t *length)
{
	const char *line = *position;
	const char *stop = line < end ? memchr(line, '\n', (size_t) (end - line)) : NULL;

	if (stop == NULL)
		return NULL;
	*length = (size_t) (stop - line);
	*position = stop + 1;
	return line;
}

/* Split the first line of a stanza: words of visible characters, one blank between them. */
static bool
parse_words(const char *text, size_t length, Stanza *stanza)
{
	const char *end = text + length;

	stanza->nwords = 0;
	while (true)
	{
		const char *start = text;

		while (text < end && *text >= 33 && *text <= 126)
			text++;
		if (text == start)
			return false;
		if (stanza->nwords < MAX_WORDS)
		{
			stanza->words[stanza->nwords].text = start;
			stanza->words[stanza->nwords].length = (size_t) (text - start);
		}
		stanza->nwords++;
		if (text == end)
			return true;
		if (*text++ != ' ')
			return false;
	}
}

/* Full lines of base64, and one that is not full, perhaps empty. */
static bool
parse_body(const char **position, const char *end, Stanza *stanza)
{
	uint8_t bytes[COLUMNS];
	const char *line;
	size_t length;

	stanza->body_length = 0;
	do
	{
		size_t n;

		line = next_line(position, end, &length);
		if (line == NULL || length > COLUMNS || !base64_decode(line, length, false, bytes, &n))
			return false;
		if (stanza->body_length + n <= WRAPPED_BYTES)
			memcpy(stanza->body + stanza->body_length, bytes, n);
		stanza->body_length += n;
	} while (length == COLUMNS);
	return true;
}

static bool
word_is(const Word *word, const char *text)
{
	return word->length == strlen(text) && memcmp(word->text, text, word->length) == 0;
}

/* The work factor: decimal digits without a leading zero.  0 if it is anything else. */
static int
parse_log_n(const Word *word)
{
	if (word->length < 1 || word->length > 2 || word->text[0] < '1' || word->text[0] > '9')
		return 0;
	if (word->length == 1)
		return word->text[0] - '0';
	if (word->text[1] < '0' || word->text[1] > '9')
		return 0;
	return (word->text[0] - '0') * 10 + word->text[1] - '0';
}

static AgeResult
open_x25519(const Stanza *stanza, const AgeIdentities *identities,
			uint8_t file_key[AGE_FILE_KEY_BYTES])
{
	uint8_t share[KEY_BYTES + 2];
	uint8_t shared[KEY_BYTES];
	uint8_t key[KEY_BYTES];
	AgeResult result = AGE_NO_MATCH;
	size_t length;
	int i;

	if (stanza->nwords != 2 || stanza->words[1].length != SHARE_CHARACTERS ||
		stanza->body_length != WRAPPED_BYTES ||
		!base64_decode(stanza->words[1].text, SHARE_CHARACTERS, false, share, &length))
		return AGE_BAD_HEADER;
	for (i = 0; i < identities->count && result == AGE_NO_MATCH; i++)
	{
		const AgeIdentity *identity = &identities->items[i];

		if (identity->type != AGE_X25519)
			continue;
		if (!x25519_shared(identity->secret_key, share, shared))
			result = AGE_BAD_HEADER; /* a point of low order */
		else if (!x25519_wrapping_key(shared, share, identity->public_key, key))
			result = AGE_UNABLE;
		else
			result = unwrap(key, stanza->body, file_key);
	}
	secret_cleanse(shared, sizeof(shared));
	secret_cleanse(key, sizeof(key));
	return result;
}

static AgeResult
open_scrypt(const Stanza *stanza, const AgeIdentities *identities,
			uint8_t file_key[AGE_FILE_KEY_BYTES])
{
	uint8_t salt[SCRYPT_SALT_BYTES + 2];
	uint8_t key[KEY_BYTES];
	AgeResult result = AGE_NO_MATCH;
	size_t length;
	int log_n;
	int i;

	if (stanza->nwords != 3 || stanza->words[1].length != SALT_CHARACTERS ||
		stanza->body_length != WRAPPED_BYTES ||
		!base64_decode(stanza->words[1].text, SALT_CHARACTERS, false, salt, &length))
		return AGE_BAD_HEADER;
	log_n = parse_log_n(&stanza->words[2]);
	if (log_n < 1 || log_n > AGE_MAX_LOG_N)
		return AGE_BAD_HEADER;
	for (i = 0; i < identities->count && result == AGE_NO_MATCH; i++)
	{
		const AgeIdentity *identity = &identities->items[i];

		if (identity->type != AGE_PASSPHRASE)
			continue;
		result =
			scrypt_wrapping_key(identity->passphrase, identity->passphrase_length, salt, log_n, key)
				? unwrap(key, stanza->body, file_key)
				: AGE_UNABLE;
	}
	secret_cleanse(key, sizeof(key));
	return result;
}

/* All stanzas, known or not: *opened is the first result that is not "no match". */
static AgeResult
read_stanzas(const char **position, const char *end, const AgeIdentities *identities,
			 uint8_t file_key[AGE_FILE_KEY_BYTES])
{
	AgeResult opened = AGE_NO_MATCH;
	bool scrypt = false;
	int count = 0;

	while ((size_t) (end - *position) >= strlen(STANZA_PREFIX) &&
		   memcmp(*position, STANZA_PREFIX, strlen(STANZA_PREFIX)) == 0)
	{
		uint8_t found[AGE_FILE_KEY_BYTES];
		AgeResult result = AGE_NO_MATCH;
		Stanza stanza;
		size_t length;
		const char *line = next_line(position, end, &length);

		if (line == NULL || !parse_words(line + 3, length - 3, &stanza) ||
			!parse_body(position, end, &stanza))
			return AGE_BAD_HEADER;
		/* A passphrase must be the only stanza. */
		if (scrypt || (word_is(&stanza.words[0], "scrypt") && count > 0))
			return AGE_BAD_HEADER;
		scrypt = word_is(&stanza.words[0], "scrypt");
		count++;
		if (scrypt)
			result = open_scrypt(&stanza, identities, found);
		else if (word_is(&stanza.words[0], "X25519"))
			result = open_x25519(&stanza, identities, found);
		if (result == AGE_BAD_HEADER)
			return result;
		if (opened == AGE_NO_MATCH && result == AGE_OK)
			memcpy(file_key, found, sizeof(found));
		if (opened == AGE_NO_MATCH)
			opened = result;
		secret_cleanse(found, sizeof(found));
	}
	return count > 0 ? opened : AGE_BAD_HEADER;
}

AgeResult
age_header_open(const char *header, size_t length, const AgeIdentities *identities,
				uint8_t file_key[AGE_FILE_KEY_BYTES])
{
	const char *end = header + length;
	const char *position = header + strlen(VERSION_LINE);
	const char *mac_line;
	uint8_t expected[MAC_BYTES];
	uint8_t mac[MAC_BYTES + 2];
	AgeResult result;
	size_t mac_length;

	if (length < strlen(VERSION_LINE) || memcmp(header, VERSION_LINE, strlen(VERSION_LINE)) != 0)
		return AGE_BAD_HEADER;
	result = read_stanzas(&position, end, identities, file_key);
	if (result == AGE_BAD_HEADER)
		return result;
	mac_line = next_line(&position, end, &mac_length);
	if (mac_line == NULL || position != end ||
		mac_length != strlen(MAC_PREFIX " ") + SHARE_CHARACTERS ||
		memcmp(mac_line, MAC_PREFIX " ", strlen(MAC_PREFIX " ")) != 0 ||
		!base64_decode(mac_line + 4, SHARE_CHARACTERS, false, mac, &mac_length))
		return AGE_BAD_HEADER;
	if (result != AGE_OK)
		return result;
	if (!header_mac(file_key, header, (size_t) (mac_line + 3 - header), expected))
		return AGE_UNABLE;
	return secret_equal(mac, expected, MAC_BYTES) ? AGE_OK : AGE_BAD_MAC;
}
