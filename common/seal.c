/*-------------------------------------------------------------------------
 *
 * seal.c
 *	  Sealed JSON.
 *
 *-------------------------------------------------------------------------
 */
#include "seal.h"

#include <string.h>

#define OPENING_LENGTH (sizeof(SEAL_OPENING) - 1)
#define CLOSING_LENGTH (sizeof(SEAL_CLOSING) - 1)
#define SEAL_LENGTH (OPENING_LENGTH + DIGEST_HEX_LENGTH + CLOSING_LENGTH)

const char *
seal_check(const char *file, size_t length)
{
	const char *seal;
	DigestHex digest;

	if (length < SEAL_LENGTH)
		return "is too short to have a seal";
	seal = file + length - SEAL_LENGTH;
	if (memcmp(seal, SEAL_OPENING, OPENING_LENGTH) != 0 ||
		memcmp(file + length - CLOSING_LENGTH, SEAL_CLOSING, CLOSING_LENGTH) != 0)
		return "does not end with a seal";
	if (!digest_buffer(file, length - SEAL_LENGTH, digest))
		return "could not be hashed";
	if (memcmp(seal + OPENING_LENGTH, digest, DIGEST_HEX_LENGTH) != 0)
		return "does not match its seal";
	return NULL;
}

void
seal_copy(const char *file, size_t length, DigestHex seal)
{
	memcpy(seal, file + length - CLOSING_LENGTH - DIGEST_HEX_LENGTH, DIGEST_HEX_LENGTH);
	seal[DIGEST_HEX_LENGTH] = '\0';
}
