/*-------------------------------------------------------------------------
 *
 * fuzz_sops.c
 *	  Any bytes as something that SOPS encrypted: nothing comes out unless
 *	  everything is authentic.
 *
 *-------------------------------------------------------------------------
 */
#include "fuzz.h"

#include <string.h>

#include "sops_dotenv.h"
#include "sops_value.h"
#include "sops_yaml.h"

static uint8_t key[SOPS_KEY_BYTES] = {1, 2, 3};

static bool
unwrap(void *argument, const SopsMetadata *metadata, uint8_t out[SOPS_KEY_BYTES])
{
	(void) argument;
	MUST(sops_metadata_complete(metadata));
	memcpy(out, key, SOPS_KEY_BYTES);
	return true;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *) data;
	char type[SOPS_TYPE_SIZE];
	Buffer out;

	buffer_init(&out);
	if (!sops_value_decrypt(key, text, size, "db:password:", &out, type))
		MUST(out.length == 0);
	buffer_reset(&out);
	if (sops_yaml_open(text, size, unwrap, NULL, &out) != NULL)
		MUST(out.length == 0);
	buffer_reset(&out);
	if (sops_dotenv_open(text, size, unwrap, NULL, &out) != NULL)
		MUST(out.length == 0);
	buffer_free(&out);
	return 0;
}
