/*-------------------------------------------------------------------------
 *
 * fuzz_dotenv.c
 *	  Any bytes as a .env file: what is encrypted in place opens again, and gives
 *	  every byte back unless a line is changed on purpose.
 *
 *-------------------------------------------------------------------------
 */
#include "fuzz.h"

#include <string.h>

#include "sops_dotenv.h"

static uint8_t key[SOPS_KEY_BYTES] = {1, 2, 3};

static bool
unwrap(void *argument, const SopsMetadata *metadata, uint8_t out[SOPS_KEY_BYTES])
{
	(void) argument;
	(void) metadata;
	memcpy(out, key, SOPS_KEY_BYTES);
	return true;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *) data;
	SopsMetadata metadata;
	SensitiveKeys keys;
	Buffer encrypted;
	Buffer opened;
	int nvalues;

	memset(&metadata, 0, sizeof(metadata));
	sensitive_keys_init(&keys, NULL, 0);
	buffer_init(&encrypted);
	buffer_init(&opened);
	sops_metadata_add_wrap(&metadata, "age1x", "-----BEGIN-----\nx\n-----END-----\n");
	if (sops_dotenv_encrypt(text, size, &keys, key, &metadata, &encrypted, &nvalues) == NULL)
	{
		MUST(sops_dotenv_open(encrypted.data, encrypted.length, unwrap, NULL, &opened) == NULL);
		/* A lone carriage return and a missing last line break are not kept. */
		if (size > 0 && text[size - 1] == '\n' && memchr(text, '\r', size) == NULL)
		{
			MUST(opened.length == size);
			MUST(memcmp(opened.data, text, size) == 0);
		}
	}
	else
		MUST(encrypted.length == 0);
	buffer_free(&encrypted);
	buffer_free(&opened);
	sops_metadata_free(&metadata);
	sensitive_keys_free(&keys);
	return 0;
}
