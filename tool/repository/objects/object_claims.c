/*-------------------------------------------------------------------------
 *
 * object_claims.c
 *	  What a manifest claims about the inside of an object.
 *
 *-------------------------------------------------------------------------
 */
#include "object_claims.h"

#include <string.h>

static uint64_t
fingerprint_add(uint64_t hash, const void *data, size_t length)
{
	const unsigned char *byte = data;

	for (; length > 0; length--)
		hash = (hash ^ *byte++) * UINT64_C(0x100000001b3);
	return hash;
}

uint64_t
object_claims(const Manifest *manifest, uint32_t first, uint32_t count)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);
	uint32_t i;

	/* An object of another server, or in another place, is another file. */
	hash = fingerprint_add(hash, &manifest->place, sizeof(manifest->place));
	hash = fingerprint_add(hash, manifest->server.label, strlen(manifest->server.label) + 1);
	for (i = first; i < first + count; i++)
	{
		const Member *member = &manifest->members[i];
		uint64_t claims[5] = {member->kind, member->offset, member->length, member->raw,
							  member->rows};

		hash = fingerprint_add(hash, claims, sizeof(claims));
		if (member->kind == MEMBER_DATA)
		{
			const char *copy = manifest->tables[member->table].copy;

			hash = fingerprint_add(hash, copy, strlen(copy) + 1);
		}
	}
	return hash;
}
