/*-------------------------------------------------------------------------
 *
 * fuzz_age.c
 *	  Any bytes as an age file for a known identity, in one piece and byte by
 *	  byte: both ways give the same, and nothing that is not authentic.
 *
 *-------------------------------------------------------------------------
 */
#include "fuzz.h"

#include <string.h>

#include "age.h"

/* The public test key of the corpus. */
static const char identity[] =
	"AGE-SECRET-KEY-18CD7QQJ8E4VRJAUDY07Q4RNNJ8JV6YF799MVA0L05S7ARR5WKX4QS9Y7RM";

static bool
collect(void *argument, const void *data, size_t length)
{
	buffer_append(argument, data, length);
	return true;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static AgeIdentities identities;
	AgeDecryption *decryption;
	AgeResult whole;
	AgeResult result = AGE_OK;
	Buffer once;
	Buffer bytewise;
	size_t i;

	if (identities.count == 0)
		MUST(age_identities_add(&identities, identity) == NULL);
	buffer_init(&once);
	buffer_init(&bytewise);
	whole = age_decrypt(&identities, data, size, &once);
	if (whole != AGE_OK)
		MUST(once.length == 0);
	decryption = age_decryption_start(&identities, collect, &bytewise);
	MUST(decryption != NULL);
	for (i = 0; i < size && result == AGE_OK; i++)
		result = age_decryption_write(decryption, data + i, 1);
	if (result == AGE_OK)
		result = age_decryption_finish(decryption);
	age_decryption_free(decryption);
	MUST(result == whole);
	if (whole == AGE_OK)
	{
		MUST(once.length == bytewise.length);
		MUST(once.length == 0 || memcmp(once.data, bytewise.data, once.length) == 0);
	}
	buffer_free(&once);
	buffer_free(&bytewise);
	return 0;
}
