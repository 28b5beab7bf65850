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
#include "interrupt.h"
#include "keyring.h"
#include "memory.h"
#include "other_places.h"

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

/* Read the bytes of an object in one place.  NULL, or what is wrong with the file, to be freed. */
static char *
read_at(Repository *place, const char *path, const ManifestObject *expected, Buffer *stored,
		StoreResult *result)
{
	DigestHex digest;

	buffer_reset(stored);
	if (!place_is_asked(place))
		*result = store_failure(STORE_UNREACHABLE, NULL, "its place could not be reached before");
	else
		*result = storage_read(place->storage, path, expected->bytes, stored);
	place_note_result(place, result);
	if (result->code == STORE_ABSENT)
		return xstrdup("is missing");
	if (result->code != STORE_OK)
		return xasprintf("could not be read: %s", result->text);
	if (stored->length != expected->bytes)
		return xasprintf("does not have %" PRIu64 " bytes", expected->bytes);
	if (!digest_buffer(stored->data, stored->length, digest) || strcmp(digest, expected->id) != 0)
		return xstrdup("does not match its digest");
	return NULL;
}

void
object_note_bad(const Repository *place, const Manifest *manifest, uint32_t object,
				const char *problem, const StoreResult *result)
{
	/* What was interrupted has found nothing. */
	if (result->code != STORE_ABSENT && store_blames_file(result) && !stop_requested())
		bad_object_note(place, manifest, object, problem);
}

Repository *
object_read_elsewhere(Repository *repository, const Manifest *manifest, uint32_t object,
					  Buffer *stored)
{
	const ManifestObject *expected = &manifest->objects[object];
	char *path = manifest_object_path(manifest, object);
	Repository *found = NULL;
	Repository *place;
	int n;

	for (n = 1; found == NULL && (place = repository_place(repository, manifest->place, n)) != NULL;
		 n++)
	{
		StoreResult result;
		char *problem = read_at(place, path, expected, stored, &result);

		if (problem == NULL)
			found = place;
		else
			object_note_bad(place, manifest, object, problem, &result);
		free(problem);
	}
	free(path);
	return found;
}

char *
object_read_stored(Repository *repository, const Manifest *manifest, uint32_t object,
				   Buffer *stored, StoreResult *result)
{
	Repository *home = repository_place(repository, manifest->place, 0);
	char *path = manifest_object_path(manifest, object);
	char *problem = read_at(home, path, &manifest->objects[object], stored, result);
	const Repository *found;

	if (problem != NULL)
		object_note_bad(home, manifest, object, problem, result);
	if (problem != NULL && repository_has_others(repository))
	{
		found = object_read_elsewhere(repository, manifest, object, stored);
		if (found != NULL)
		{
			place_say_passed_over(repository, home, path, problem, found);
			*result = store_ok();
			free(problem);
			problem = NULL;
		}
	}
	free(path);
	return problem;
}

char *
object_read(Repository *repository, const Manifest *manifest, uint32_t object, Buffer *plain,
			StoreResult *result)
{
	Buffer stored;
	char *problem;

	buffer_init(&stored);
	problem = object_read_stored(repository, manifest, object, &stored, result);
	buffer_reset(plain);
	if (problem == NULL && manifest->cipher == CIPHER_NONE)
	{
		const Buffer emptied = *plain;

		*plain = stored;
		stored = emptied;
	}
	else if (problem == NULL)
	{
		problem = object_decrypt(manifest, object, stored.data, stored.length, plain);
		if (problem != NULL)
			bad_object_note(repository_place(repository, manifest->place, 0), manifest, object,
							problem);
	}
	buffer_free(&stored);
	return problem;
}
