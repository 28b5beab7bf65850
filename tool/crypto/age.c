/*-------------------------------------------------------------------------
 *
 * age.c
 *	  Encryption and decryption in the format age-encryption.org/v1.
 *
 *-------------------------------------------------------------------------
 */
#include "age.h"

#include <stdlib.h>
#include <string.h>

#include "age_header.h"

#define NONCE_BYTES 16

struct AgeEncryption
{
	StreamEncryptor *encryptor;
};

struct AgeDecryption
{
	const AgeIdentities *identities;
	StreamSink sink;
	void *argument;
	AgeResult result;
	Buffer head; /* header and nonce, until the payload begins */
	StreamOpener *opener;
};

const char *
age_result_text(AgeResult result)
{
	switch (result)
	{
		case AGE_OK:
			return "is intact";
		case AGE_BAD_HEADER:
			return "is not an age file, or its header is damaged";
		case AGE_NO_MATCH:
			return "was not encrypted for any of the given identities";
		case AGE_BAD_MAC:
			return "has a header that was changed after it was written";
		case AGE_BAD_PAYLOAD:
			return "is damaged or incomplete: its content is not authentic";
		case AGE_SINK_FAILED:
			return "could not be passed on";
		case AGE_UNABLE:
			break;
	}
	return "could not be processed: OpenSSL refuses";
}

static AgeResult
from_stream(StreamResult result)
{
	switch (result)
	{
		case STREAM_OK:
			return AGE_OK;
		case STREAM_DAMAGED:
			return AGE_BAD_PAYLOAD;
		case STREAM_SINK_FAILED:
			return AGE_SINK_FAILED;
		case STREAM_UNABLE:
			break;
	}
	return AGE_UNABLE;
}

/* The payload key and the shape of the stream. */
static bool
payload_parameters(const uint8_t file_key[AGE_FILE_KEY_BYTES], const uint8_t nonce[NONCE_BYTES],
				   StreamParameters *parameters)
{
	memset(parameters, 0, sizeof(*parameters));
	parameters->algorithm = AEAD_CHACHA20_POLY1305;
	parameters->first_segment = STREAM_SEGMENT_BYTES;
	parameters->segment = STREAM_SEGMENT_BYTES;
	return hkdf_sha256(file_key, AGE_FILE_KEY_BYTES, nonce, NONCE_BYTES, "payload", 7,
					   parameters->key, KEY_BYTES);
}

AgeEncryption *
age_encryption_start(const AgeRecipients *recipients, StreamSink sink, void *argument,
					 AgeResult *result)
{
	AgeEncryption *encryption = calloc(1, sizeof(AgeEncryption));
	uint8_t file_key[AGE_FILE_KEY_BYTES];
	uint8_t nonce[NONCE_BYTES];
	StreamParameters parameters;
	Buffer head;

	buffer_init(&head);
	*result = AGE_UNABLE;
	if (encryption != NULL && random_bytes(file_key, sizeof(file_key)) &&
		random_bytes(nonce, sizeof(nonce)) && payload_parameters(file_key, nonce, &parameters))
	{
		*result = age_header_write(recipients, file_key, &head);
		buffer_append(&head, nonce, sizeof(nonce));
		encryption->encryptor = stream_encryptor_create(&parameters, sink, argument);
		if (encryption->encryptor == NULL)
			*result = AGE_UNABLE;
		secret_cleanse(&parameters, sizeof(parameters));
	}
	secret_cleanse(file_key, sizeof(file_key));
	if (*result == AGE_OK && !sink(argument, head.data, head.length))
		*result = AGE_SINK_FAILED;
	buffer_free(&head);
	if (*result == AGE_OK)
		return encryption;
	age_encryption_free(encryption);
	return NULL;
}

AgeResult
age_encryption_write(AgeEncryption *encryption, const void *data, size_t length)
{
	return from_stream(stream_encryptor_write(encryption->encryptor, data, length));
}

AgeResult
age_encryption_finish(AgeEncryption *encryption)
{
	return from_stream(stream_encryptor_finish(encryption->encryptor));
}

void
age_encryption_free(AgeEncryption *encryption)
{
	if (encryption == NULL)
		return;
	stream_encryptor_free(encryption->encryptor);
	free(encryption);
}

AgeDecryption *
age_decryption_start(const AgeIdentities *identities, StreamSink sink, void *argument)
{
	AgeDecryption *decryption = calloc(1, sizeof(AgeDecryption));

	if (decryption == NULL)
		return NULL;
	decryption->identities = identities;
	decryption->sink = sink;
	decryption->argument = argument;
	buffer_init(&decryption->head);
	return decryption;
}

/* Header and nonce are there: unwrap the key and get ready for the payload. */
static AgeResult
begin_payload(AgeDecryption *decryption, size_t header_length)
{
	const char *head = decryption->head.data;
	uint8_t file_key[AGE_FILE_KEY_BYTES];
	StreamParameters parameters;
	AgeResult result = age_header_open(head, header_length, decryption->identities, file_key);

	if (result == AGE_OK)
	{
		if (payload_parameters(file_key, (const uint8_t *) head + header_length, &parameters))
			decryption->opener =
				stream_opener_create(&parameters, decryption->sink, decryption->argument);
		secret_cleanse(&parameters, sizeof(parameters));
		if (decryption->opener == NULL)
			result = AGE_UNABLE;
	}
	secret_cleanse(file_key, sizeof(file_key));
	return result;
}

/* Gather header and nonce.  *rest: what of the data belongs to the payload. */
static AgeResult
gather_head(AgeDecryption *decryption, const char **data, size_t *rest)
{
	size_t header_length;
	size_t before = decryption->head.length;
	AgeResult result;
	size_t used;

	buffer_append(&decryption->head, *data, *rest);
	if (!age_header_end(decryption->head.data, decryption->head.length, &header_length))
	{
		*rest = 0;
		return AGE_OK;
	}
	if (header_length == 0)
		return AGE_BAD_HEADER;
	if (decryption->head.length < header_length + NONCE_BYTES)
	{
		*rest = 0;
		return AGE_OK;
	}
	result = begin_payload(decryption, header_length);
	used = header_length + NONCE_BYTES - before;
	*data += used;
	*rest -= used;
	return result;
}

AgeResult
age_decryption_write(AgeDecryption *decryption, const void *data, size_t length)
{
	const char *bytes = data;

	if (decryption->result == AGE_OK && decryption->opener == NULL && length > 0)
		decryption->result = gather_head(decryption, &bytes, &length);
	if (decryption->result == AGE_OK && decryption->opener != NULL)
		decryption->result = from_stream(stream_opener_write(decryption->opener, bytes, length));
	return decryption->result;
}

AgeResult
age_decryption_finish(AgeDecryption *decryption)
{
	size_t header_length;

	if (decryption->result != AGE_OK)
		return decryption->result;
	if (decryption->opener != NULL)
		return decryption->result = from_stream(stream_opener_finish(decryption->opener));
	/* The file ended in its header, or in the nonce behind it. */
	decryption->result = AGE_BAD_HEADER;
	if (decryption->head.length > 0 &&
		age_header_end(decryption->head.data, decryption->head.length, &header_length) &&
		header_length > 0)
	{
		uint8_t file_key[AGE_FILE_KEY_BYTES];
		AgeResult result =
			age_header_open(decryption->head.data, header_length, decryption->identities, file_key);

		secret_cleanse(file_key, sizeof(file_key));
		if (result != AGE_OK)
			decryption->result = result;
	}
	return decryption->result;
}

void
age_decryption_free(AgeDecryption *decryption)
{
	if (decryption == NULL)
		return;
	stream_opener_free(decryption->opener);
	buffer_free(&decryption->head);
	free(decryption);
}

static bool
append_to_buffer(void *argument, const void *data, size_t length)
{
	buffer_append(argument, data, length);
	return true;
}

AgeResult
age_encrypt(const AgeRecipients *recipients, const void *data, size_t length, Buffer *out)
{
	AgeResult result;
	AgeEncryption *encryption;

	/* Header, and a tag for each segment. */
	buffer_reserve(out, length + length / STREAM_SEGMENT_BYTES * AEAD_TAG_BYTES + 1024);
	encryption = age_encryption_start(recipients, append_to_buffer, out, &result);
	if (result == AGE_OK)
		result = age_encryption_write(encryption, data, length);
	if (result == AGE_OK)
		result = age_encryption_finish(encryption);
	age_encryption_free(encryption);
	return result;
}

AgeResult
age_decrypt(const AgeIdentities *identities, const void *data, size_t length, Buffer *out)
{
	size_t start = out->length;
	AgeResult result = AGE_UNABLE;
	AgeDecryption *decryption;

	/* Growing would leave secrets behind in freed memory. */
	buffer_reserve(out, length);
	decryption = age_decryption_start(identities, append_to_buffer, out);
	if (decryption != NULL)
		result = age_decryption_write(decryption, data, length);
	if (result == AGE_OK)
		result = age_decryption_finish(decryption);
	age_decryption_free(decryption);
	if (result != AGE_OK && out->length > start)
	{
		secret_cleanse(out->data + start, out->length - start);
		out->length = start;
		out->data[start] = '\0';
	}
	return result;
}
