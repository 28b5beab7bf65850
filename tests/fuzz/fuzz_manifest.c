/*-------------------------------------------------------------------------
 *
 * fuzz_manifest.c
 *	  Any bytes as a manifest whose seal is good: what is accepted is written
 *	  and read again the same.
 *
 *-------------------------------------------------------------------------
 */
#include "fuzz.h"

#include <string.h>

#include "manifest.h"
#include "manifest_read.h"
#include "manifest_write.h"
#include "seal_append.h"

static void
write_and_read(const Manifest *manifest)
{
	Manifest *again;
	Buffer one;
	Buffer two;
	char *error;

	buffer_init(&one);
	buffer_init(&two);
	MUST(manifest_serialize(manifest, &one));
	again = manifest_parse(one.data, one.length, &error);
	MUST(again != NULL);
	MUST(manifest_serialize(again, &two));
	MUST(one.length == two.length && memcmp(one.data, two.data, one.length) == 0);
	manifest_free(again);
	buffer_free(&one);
	buffer_free(&two);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	Manifest *manifest;
	Buffer sealed;
	char *error = NULL;

	buffer_init(&sealed);
	buffer_append(&sealed, data, size);
	MUST(seal_append(&sealed));
	manifest = manifest_parse(sealed.data, sealed.length, &error);
	MUST((manifest == NULL) == (error != NULL));
	if (manifest != NULL && !manifest->locked)
		write_and_read(manifest);
	manifest_free(manifest);
	free(error);
	buffer_free(&sealed);
	return 0;
}
