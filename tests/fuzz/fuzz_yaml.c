/*-------------------------------------------------------------------------
 *
 * fuzz_yaml.c
 *	  Any bytes as a YAML file: what is encrypted in place opens again.
 *
 *-------------------------------------------------------------------------
 */
#include "fuzz.h"

#include <string.h>

#include "sops_yaml.h"
#include "yaml_leaves.h"

static uint8_t key[SOPS_KEY_BYTES] = {1, 2, 3};

static bool
unwrap(void *argument, const SopsMetadata *metadata, uint8_t out[SOPS_KEY_BYTES])
{
	(void) argument;
	(void) metadata;
	memcpy(out, key, SOPS_KEY_BYTES);
	return true;
}

/* Values lie in the text, one after the other. */
static void
check_leaves(const char *text, size_t size)
{
	YamlLeaves leaves;
	size_t before = 0;
	int i;

	if (yaml_leaves_read(&leaves, text, size) == NULL)
	{
		for (i = 0; i < leaves.count; i++)
		{
			MUST(leaves.leaves[i].start >= before);
			MUST(leaves.leaves[i].end >= leaves.leaves[i].start);
			MUST(leaves.leaves[i].end <= size);
			MUST(leaves.leaves[i].key != NULL);
			before = leaves.leaves[i].end;
		}
	}
	yaml_leaves_free(&leaves);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	SopsMetadata metadata;
	SensitiveKeys keys;
	Buffer encrypted;
	Buffer opened;
	int nvalues;

	check_leaves((const char *) data, size);
	memset(&metadata, 0, sizeof(metadata));
	sensitive_keys_init(&keys, NULL, 0);
	buffer_init(&encrypted);
	buffer_init(&opened);
	sops_metadata_add_wrap(&metadata, "age1x", "-----BEGIN-----\nx\n-----END-----\n");
	if (sops_yaml_encrypt((const char *) data, size, &keys, key, &metadata, &encrypted, &nvalues) ==
		NULL)
		MUST(sops_yaml_open(encrypted.data, encrypted.length, unwrap, NULL, &opened) == NULL);
	else
		MUST(encrypted.length == 0);
	buffer_free(&encrypted);
	buffer_free(&opened);
	sops_metadata_free(&metadata);
	sensitive_keys_free(&keys);
	return 0;
}
