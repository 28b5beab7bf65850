/*-------------------------------------------------------------------------
 *
 * nxb.c
 *	  Encryption with AES-256-GCM.
 *
 *-------------------------------------------------------------------------
 */
#include "nxb.h"

#include <openssl/evp.h>
#include <string.h>

#include "base64.h"

#define MAGIC "nex-backup-encryption/1 aes-256-gcm\n"
#define MAC_LINE "--- "
#define SALT_BYTES AGE_SALT_BYTES
#define KEY_FILE_INFO "nex_backup/1 key-file"
#define PASSPHRASE_INFO "nex_backup/1 passphrase"
#define WRAPPED_BYTES (KEY_BYTES + AEAD_TAG_BYTES)
#define WRAPPED_CHARACTERS 64 /* in base64 */
#define SALT_CHARACTERS 22
#define KEY_CHARACTERS 43
#define MAX_HEADER (256 * 1024)

/* Tink's header: its length, a salt, the prefix of the nonces. */
#define TINK_SALT_BYTES 32
#define TINK_HEADER_BYTES (1 + TINK_SALT_BYTES + STREAM_PREFIX_BYTES)

static const uint8_t zero_nonce[AEAD_NONCE_BYTES];

/* ---- wrapping the data key ---- */

static bool
derive(const uint8_t secret[KEY_BYTES], const uint8_t *salt, size_t salt_length, const char *info,
	   uint8_t key[KEY_BYTES])
{
	return hkdf_sha256(secret, KEY_BYTES, salt, salt_length, info, strlen(info), key, KEY_BYTES);
}

static bool
x25519_key(const uint8_t secret[KEY_BYTES], const uint8_t point[KEY_BYTES],
		   const uint8_t share[KEY_BYTES], const uint8_t public_key[KEY_BYTES],
		   uint8_t key[KEY_BYTES])
{
	uint8_t shared[KEY_BYTES];
	uint8_t salt[2 * KEY_BYTES];
	bool good;

	memcpy(salt, share, KEY_BYTES);
	memcpy(salt + KEY_BYTES, public_key, KEY_BYTES);
	good = x25519_shared(secret, point, shared) &&
		   derive(shared, salt, sizeof(salt), "nex_backup/1 X25519", key);
	secret_cleanse(shared, sizeof(shared));
	return good;
}

/* One line for a recipient, without its end, and the key that wraps. */
static bool
begin_stanza(const AgeRecipient *recipient, Buffer *header, uint8_t key[KEY_BYTES])
{
	uint8_t ephemeral[KEY_BYTES];
	uint8_t share[KEY_BYTES];
	bool good = random_bytes(ephemeral, sizeof(ephemeral));

	switch (recipient->type)
	{
		case AGE_X25519:
			good = good && x25519_public(ephemeral, share) &&
				   x25519_key(ephemeral, recipient->public_key, share, recipient->public_key, key);
			buffer_append_string(header, "-> X25519 ");
			base64_append(header, share, KEY_BYTES, false);
			break;
		case AGE_PASSPHRASE:
			good = good && scrypt_key(recipient->passphrase, recipient->passphrase_length,
									  ephemeral, SALT_BYTES, recipient->log_n, key);
			buffer_append_string(header, "-> scrypt ");
			base64_append(header, ephemeral, SALT_BYTES, false);
			buffer_printf(header, " %d", recipient->log_n);
			break;
		case AGE_KEY_FILE:
			good = good && derive(recipient->secret_key, ephemeral, SALT_BYTES, KEY_FILE_INFO, key);
			buffer_append_string(header, "-> key-file ");
			base64_append(header, ephemeral, SALT_BYTES, false);
			break;
		case AGE_PASSPHRASE_KEY:
			/* The salt of the passphrase, which all files share, and one of this file. */
			good = good && derive(recipient->secret_key, ephemeral + SALT_BYTES, SALT_BYTES,
								  PASSPHRASE_INFO, key);
			memcpy(ephemeral, recipient->salt, SALT_BYTES);
			buffer_append_string(header, "-> passphrase ");
			base64_append(header, ephemeral, 2 * (size_t) SALT_BYTES, false);
			buffer_printf(header, " %d", recipient->log_n);
			break;
	}
	secret_cleanse(ephemeral, sizeof(ephemeral));
	return good;
}

static bool
header_mac(const uint8_t data_key[KEY_BYTES], const char *header, size_t length,
		   uint8_t mac[MAC_BYTES])
{
	uint8_t key[KEY_BYTES];
	bool good = derive(data_key, NULL, 0, "nex_backup/1 header", key) &&
				hmac_sha256(key, KEY_BYTES, header, length, mac);

	secret_cleanse(key, sizeof(key));
	return good;
}

static bool
write_header(const AgeRecipients *recipients, const uint8_t data_key[KEY_BYTES], Buffer *header)
{
	uint8_t wrapped[WRAPPED_BYTES];
	uint8_t key[KEY_BYTES];
	uint8_t mac[MAC_BYTES];
	bool good = recipients->count > 0;
	int i;

	buffer_append_string(header, MAGIC);
	for (i = 0; good && i < recipients->count; i++)
	{
		Aead *aead;

		good = begin_stanza(&recipients->items[i], header, key);
		aead = good ? aead_create(AEAD_AES_256_GCM, key, true) : NULL;
		good = aead != NULL && aead_seal(aead, zero_nonce, data_key, KEY_BYTES, wrapped);
		aead_free(aead);
		buffer_append_char(header, '\n');
		base64_append(header, wrapped, sizeof(wrapped), false);
		buffer_append_char(header, '\n');
	}
	secret_cleanse(key, sizeof(key));
	good = good && header_mac(data_key, header->data, header->length, mac);
	buffer_append_string(header, MAC_LINE);
	base64_append(header, mac, sizeof(mac), false);
	buffer_append_char(header, '\n');
	return good;
}

/* ---- the payload ---- */

/* Tink's derivation; the associated data is the SHA-256 of the header. */
static bool
payload_parameters(const uint8_t data_key[KEY_BYTES], const void *header, size_t header_length,
				   const uint8_t tink[TINK_HEADER_BYTES], StreamParameters *parameters)
{
	uint8_t digest[32];

	memset(parameters, 0, sizeof(*parameters));
	parameters->algorithm = AEAD_AES_256_GCM;
	memcpy(parameters->prefix, tink + 1 + TINK_SALT_BYTES, STREAM_PREFIX_BYTES);
	parameters->segment = STREAM_SEGMENT_BYTES - AEAD_TAG_BYTES;
	parameters->first_segment = parameters->segment - TINK_HEADER_BYTES;
	return EVP_Digest(header, header_length, digest, NULL, EVP_sha256(), NULL) == 1 &&
		   hkdf_sha256(data_key, KEY_BYTES, tink + 1, TINK_SALT_BYTES, digest, sizeof(digest),
					   parameters->key, KEY_BYTES);
}

static bool
append_to_buffer(void *argument, const void *data, size_t length)
{
	buffer_append(argument, data, length);
	return true;
}

AgeResult
nxb_encrypt(const AgeRecipients *recipients, const void *data, size_t length, Buffer *out)
{
	uint8_t data_key[KEY_BYTES];
	uint8_t tink[TINK_HEADER_BYTES];
	StreamParameters parameters;
	StreamEncryptor *encryptor = NULL;
	StreamResult result = STREAM_UNABLE;
	Buffer header;

	buffer_init(&header);
	buffer_reserve(out, length + length / 4096 + 4096);
	if (random_bytes(data_key, sizeof(data_key)) && random_bytes(tink, sizeof(tink)) &&
		write_header(recipients, data_key, &header))
	{
		tink[0] = TINK_HEADER_BYTES;
		if (payload_parameters(data_key, header.data, header.length, tink, &parameters))
			encryptor = stream_encryptor_create(&parameters, append_to_buffer, out);
		secret_cleanse(&parameters, sizeof(parameters));
	}
	secret_cleanse(data_key, sizeof(data_key));
	if (encryptor != NULL)
	{
		buffer_append(out, header.data, header.length);
		buffer_append(out, tink, sizeof(tink));
		result = stream_encryptor_write(encryptor, data, length);
		if (result == STREAM_OK)
			result = stream_encryptor_finish(encryptor);
	}
	stream_encryptor_free(encryptor);
	buffer_free(&header);
	return result == STREAM_OK ? AGE_OK : AGE_UNABLE;
}

/* ---- reading ---- */

/* Take a line; NULL if there is none. */
static const char *
next_line(const char **at, const char *end, size_t *length)
{
	const char *line = *at;
	size_t limit = (size_t) (end - line) < MAX_HEADER ? (size_t) (end - line) : MAX_HEADER;
	const char *stop = memchr(line, '\n', limit);

	if (stop == NULL)
		return NULL;
	*length = (size_t) (stop - line);
	*at = stop + 1;
	return line;
}

/* "X 12" after a name: exactly N characters of base64, then digits if wanted. */
static bool
parse_words(const char *line, size_t length, const char *name, size_t characters, uint8_t *bytes,
			int *number)
{
	size_t skip = strlen(name);
	size_t n;

	if (length < skip + characters || memcmp(line, name, skip) != 0 ||
		!base64_decode(line + skip, characters, false, bytes, &n))
		return false;
	line += skip + characters;
	length -= skip + characters;
	if (number == NULL)
		return length == 0;
	if (length < 2 || length > 3 || line[0] != ' ' || line[1] < '1' || line[1] > '9')
		return false;
	*number = line[1] - '0';
	if (length == 3)
	{
		if (line[2] < '0' || line[2] > '9')
			return false;
		*number = *number * 10 + line[2] - '0';
	}
	return *number <= AGE_MAX_LOG_N;
}

/* A stanza, parsed. */
typedef struct Stanza
{
	AgeKeyType type;
	uint8_t bytes[KEY_BYTES + 2]; /* share, or one or two salts */
	int log_n;
	uint8_t wrapped[WRAPPED_BYTES + 2];
} Stanza;

static bool
parse_stanza(const char **at, const char *end, Stanza *stanza)
{
	size_t length;
	size_t n;
	const char *line = next_line(at, end, &length);

	if (line == NULL)
		return false;
	if (parse_words(line, length, "-> X25519 ", KEY_CHARACTERS, stanza->bytes, NULL))
		stanza->type = AGE_X25519;
	else if (parse_words(line, length, "-> scrypt ", SALT_CHARACTERS, stanza->bytes,
						 &stanza->log_n))
		stanza->type = AGE_PASSPHRASE;
	else if (parse_words(line, length, "-> key-file ", SALT_CHARACTERS, stanza->bytes, NULL))
		stanza->type = AGE_KEY_FILE;
	else if (parse_words(line, length, "-> passphrase ", KEY_CHARACTERS, stanza->bytes,
						 &stanza->log_n))
		stanza->type = AGE_PASSPHRASE_KEY;
	else
		return false;
	line = next_line(at, end, &length);
	return line != NULL && length == WRAPPED_CHARACTERS &&
		   base64_decode(line, length, false, stanza->wrapped, &n);
}

static AgeResult
open_stanza(const Stanza *stanza, const AgeIdentity *identity, uint8_t data_key[KEY_BYTES])
{
	uint8_t key[KEY_BYTES];
	bool good = false;
	Aead *aead;

	if (identity->type != stanza->type)
		return AGE_NO_MATCH;
	switch (stanza->type)
	{
		case AGE_X25519:
			good = x25519_key(identity->secret_key, stanza->bytes, stanza->bytes,
							  identity->public_key, key);
			break;
		case AGE_PASSPHRASE:
			good = scrypt_key(identity->passphrase, identity->passphrase_length, stanza->bytes,
							  SALT_BYTES, stanza->log_n, key);
			break;
		case AGE_KEY_FILE:
			good = derive(identity->secret_key, stanza->bytes, SALT_BYTES, KEY_FILE_INFO, key);
			break;
		case AGE_PASSPHRASE_KEY:
			good = stanza->log_n == identity->log_n &&
				   memcmp(stanza->bytes, identity->salt, SALT_BYTES) == 0 &&
				   derive(identity->secret_key, stanza->bytes + SALT_BYTES, SALT_BYTES,
						  PASSPHRASE_INFO, key);
			break;
	}
	aead = good ? aead_create(AEAD_AES_256_GCM, key, false) : NULL;
	good = aead != NULL && aead_open(aead, zero_nonce, stanza->wrapped, WRAPPED_BYTES, data_key);
	aead_free(aead);
	secret_cleanse(key, sizeof(key));
	return good ? AGE_OK : AGE_NO_MATCH;
}

/* Read the header and unwrap the data key.  *at is moved behind it. */
static AgeResult
open_header(const char **at, const char *end, const AgeIdentities *identities,
			uint8_t data_key[KEY_BYTES])
{
	const char *start = *at;
	AgeResult result = AGE_NO_MATCH;
	uint8_t mac[MAC_BYTES + 2];
	uint8_t expected[MAC_BYTES];
	const char *mac_line;
	size_t length;
	int i;

	if ((size_t) (end - start) < strlen(MAGIC) || memcmp(start, MAGIC, strlen(MAGIC)) != 0)
		return AGE_BAD_HEADER;
	*at += strlen(MAGIC);
	while (*at < end && **at == '-' && end - *at > 2 && (*at)[1] == '>')
	{
		Stanza stanza;

		if (*at - start > MAX_HEADER || !parse_stanza(at, end, &stanza))
			return AGE_BAD_HEADER;
		for (i = 0; i < identities->count && result == AGE_NO_MATCH; i++)
			result = open_stanza(&stanza, &identities->items[i], data_key);
	}
	mac_line = *at < end ? next_line(at, end, &length) : NULL;
	if (mac_line == NULL || !parse_words(mac_line, length, MAC_LINE, KEY_CHARACTERS, mac, NULL))
		return AGE_BAD_HEADER;
	if (result != AGE_OK)
		return result;
	if (!header_mac(data_key, start, (size_t) (mac_line - start), expected))
		return AGE_UNABLE;
	return secret_equal(mac, expected, MAC_BYTES) ? AGE_OK : AGE_BAD_MAC;
}

static AgeResult
open_payload(const uint8_t data_key[KEY_BYTES], const char *header, size_t header_length,
			 const uint8_t *payload, size_t length, Buffer *out)
{
	StreamParameters parameters;
	StreamOpener *opener = NULL;
	StreamResult result = STREAM_UNABLE;

	if (length < TINK_HEADER_BYTES || payload[0] != TINK_HEADER_BYTES)
		return AGE_BAD_PAYLOAD;
	if (payload_parameters(data_key, header, header_length, payload, &parameters))
		opener = stream_opener_create(&parameters, append_to_buffer, out);
	secret_cleanse(&parameters, sizeof(parameters));
	if (opener != NULL)
	{
		result =
			stream_opener_write(opener, payload + TINK_HEADER_BYTES, length - TINK_HEADER_BYTES);
		if (result == STREAM_OK)
			result = stream_opener_finish(opener);
	}
	stream_opener_free(opener);
	if (result == STREAM_DAMAGED)
		return AGE_BAD_PAYLOAD;
	return result == STREAM_OK ? AGE_OK : AGE_UNABLE;
}

AgeResult
nxb_decrypt(const AgeIdentities *identities, const void *data, size_t length, Buffer *out)
{
	const char *start = data;
	const char *at = start;
	const char *end = start + length;
	size_t before = out->length;
	uint8_t data_key[KEY_BYTES];
	AgeResult result;

	/* Growing would leave secrets behind in freed memory. */
	buffer_reserve(out, length);
	result = open_header(&at, end, identities, data_key);
	if (result == AGE_OK)
		result = open_payload(data_key, start, (size_t) (at - start), (const uint8_t *) at,
							  (size_t) (end - at), out);
	secret_cleanse(data_key, sizeof(data_key));
	if (result != AGE_OK && out->length > before)
	{
		secret_cleanse(out->data + before, out->length - before);
		out->length = before;
		out->data[before] = '\0';
	}
	return result;
}
