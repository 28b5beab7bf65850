/*-------------------------------------------------------------------------
 *
 * object_read.c
 *	  Reading an object whole.
 *
 * The digest in the signed manifest is checked each time, right before the
 * bytes are used: whoever knows the recipients can make an object that
 * decrypts well, and could put it there after an earlier check.
 *
 *-------------------------------------------------------------------------
 */
#include "object_read.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "bad_objects.h"
#include "keyring.h"
#include "memory.h"

char *
object_decrypt(const Manifest *manifest, uint32_t object, const char *stored, size_t length,
			   Buffer *plain)
{
	AgeResult result;

	buffer_reset(plain);
	result = keyring_decrypt(manifest->cipher, stored, length, plain);
	if (result == AGE_OK && plain->length == manifest->objects[object].plain)
		return NULL;
	buffer_reset(plain);
	if (result == AGE_OK)
		return xstrdup("holds another number of bytes than its manifest says");
	return xstrdup(age_result_text(result));
}

char *
object_read(const Repository *repository, const Manifest *manifest, uint32_t object, Buffer *plain,
			StoreResult *result)
{
	const ManifestObject *expected = &manifest->objects[object];
	char *path = manifest_object_path(manifest, object);
	char *problem = NULL;
	DigestHex digest;
	Buffer stored;

	buffer_init(&stored);
	buffer_reset(plain);
	*result = storage_read(repository->storage, path, expected->bytes, &stored);
	if (result->code == STORE_ABSENT)
		problem = xstrdup("is missing");
	else if (result->code == STORE_OK && stored.length != expected->bytes)
		problem = xasprintf("does not have %" PRIu64 " bytes", expected->bytes);
	else if (result->code != STORE_OK)
		problem = xasprintf("could not be read: %s", result->text);
	else if (!digest_buffer(stored.data, stored.length, digest) ||
			 strcmp(digest, expected->id) != 0)
		problem = xstrdup("does not match its digest");
	else if (manifest->cipher == CIPHER_NONE)
		buffer_append(plain, stored.data, stored.length);
	else
		problem = object_decrypt(manifest, object, stored.data, stored.length, plain);
	if (problem != NULL && result->code != STORE_ABSENT && store_blames_file(result))
		bad_object_note(repository, manifest, object, problem);
	buffer_free(&stored);
	free(path);
	return problem;
}
