/*-------------------------------------------------------------------------
 *
 * seal_append.c
 *	  Writing the seal of a JSON document.
 *
 * Apart from seal.c because the server module only reads: a Buffer ends the
 * process when memory runs out, which a server must never do.
 *
 *-------------------------------------------------------------------------
 */
#include "seal_append.h"

#include <string.h>

#include "seal.h"

bool
seal_append(Buffer *json)
{
	DigestHex digest;

	if (!digest_buffer(json->data, json->length, digest))
		return false;
	buffer_append(json, SEAL_OPENING, strlen(SEAL_OPENING));
	buffer_append(json, digest, DIGEST_HEX_LENGTH);
	buffer_append(json, SEAL_CLOSING, strlen(SEAL_CLOSING));
	return true;
}
