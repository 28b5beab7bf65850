/*-------------------------------------------------------------------------
 *
 * seal.c
 *	  Sealed JSON.
 *
 *-------------------------------------------------------------------------
 */
#include "seal.h"

#include <string.h>

static const char opening[] = ",\n\"seal\": \"";
static const char closing[] = "\"\n}\n";

#define OPENING_LENGTH (sizeof(opening) - 1)
#define CLOSING_LENGTH (sizeof(closing) - 1)
#define SEAL_LENGTH (OPENING_LENGTH + DIGEST_HEX_LENGTH + CLOSING_LENGTH)

bool
seal_append(Buffer *json)
{
	DigestHex digest;

	if (!digest_buffer(json->data, json->length, digest))
		return false;
	buffer_append(json, opening, OPENING_LENGTH);
	buffer_append(json, digest, DIGEST_HEX_LENGTH);
	buffer_append(json, closing, CLOSING_LENGTH);
	return true;
}

const char *
seal_check(const char *file, size_t length)
{
	const char *seal;
	DigestHex digest;

	if (length < SEAL_LENGTH)
		return "is too short to have a seal";
	seal = file + length - SEAL_LENGTH;
	if (memcmp(seal, opening, OPENING_LENGTH) != 0 ||
		memcmp(file + length - CLOSING_LENGTH, closing, CLOSING_LENGTH) != 0)
		return "does not end with a seal";
	if (!digest_buffer(file, length - SEAL_LENGTH, digest))
		return "could not be hashed";
	if (memcmp(seal + OPENING_LENGTH, digest, DIGEST_HEX_LENGTH) != 0)
		return "does not match its seal";
	return NULL;
}
