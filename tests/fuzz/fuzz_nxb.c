/*-------------------------------------------------------------------------
 *
 * fuzz_nxb.c
 *	  Any bytes as a container of AES-256-GCM: nothing comes out unless all of it is
 *	  authentic.
 *
 *-------------------------------------------------------------------------
 */
#include "fuzz.h"

#include <string.h>

#include "nxb.h"

/* The corpus is encrypted for these. */
#define IDENTITY "AGE-SECRET-KEY-1GLL493Y0SQN8VL6WMWYNPN5J8PUMQMDE4WNRQ0XHN0UA09KRKW2QKS3ENQ"
static const uint8_t key_file[KEY_BYTES] = {1, 2, 3, 250};
static const PassphraseKey passphrase_key = {{7, 8, 9}, 10, {4, 5, 6}};

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static AgeIdentities identities;
	Buffer plain;
	AgeResult result;

	/* scrypt with a high work factor takes seconds, and says nothing about a parser. */
	if (memmem(data, size, "-> scrypt ", 10) != NULL)
		return 0;
	if (identities.count == 0)
	{
		MUST(age_identities_add(&identities, IDENTITY) == NULL);
		age_identities_add_key_file(&identities, key_file);
		age_identities_add_passphrase_key(&identities, &passphrase_key);
	}
	buffer_init(&plain);
	result = nxb_decrypt(&identities, data, size, &plain);
	MUST(result == AGE_OK || plain.length == 0);
	buffer_free(&plain);
	return 0;
}
