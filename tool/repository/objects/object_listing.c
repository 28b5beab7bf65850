/*-------------------------------------------------------------------------
 *
 * object_listing.c
 *	  Which objects of a server are there.
 *
 *-------------------------------------------------------------------------
 */
#include "object_listing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "encryption.h"
#include "memory.h"

/* What is kept in an entry of the set: the length, and above it two marks. */
#define FRESH (UINT64_C(1) << 62)
#define UNREADABLE (UINT64_C(1) << 63)
#define LENGTH(entry) ((entry)->fingerprint & ~(FRESH | UNREADABLE))

/* "ab/ID.sql.zst" or the like, with the cipher's suffix: an object's name? */
static bool
parse_name(const ObjectListing *listing, const char *name, DigestHex id, Codec *codec)
{
	static const Codec codecs[] = {CODEC_NONE, CODEC_GZIP, CODEC_ZSTD};
	const char *suffix;
	size_t i;

	if (strlen(name) < 3 + DIGEST_HEX_LENGTH || name[2] != '/' || strncmp(name, name + 3, 2) != 0)
		return false;
	memcpy(id, name + 3, DIGEST_HEX_LENGTH);
	id[DIGEST_HEX_LENGTH] = '\0';
	suffix = name + 3 + DIGEST_HEX_LENGTH;
	for (i = 0; i < sizeof(codecs) / sizeof(codecs[0]); i++)
	{
		size_t length = strlen(codec_suffix(codecs[i]));

		*codec = codecs[i];
		if (strncmp(suffix, codec_suffix(*codec), length) == 0 &&
			strcmp(suffix + length, cipher_suffix(listing->cipher)) == 0)
			return digest_hex_valid(id);
	}
	return false;
}

static bool
is_wanted(const char *name, void *argument)
{
	DigestHex id;
	Codec codec;

	return (strlen(name) == 3 && name[2] == '/') || parse_name(argument, name, id, &codec);
}

static void
note_file(const StoreEntry *file, void *argument)
{
	ObjectListing *listing = argument;
	ObjectSetEntry *entry = NULL;
	DigestHex id;
	Codec codec;

	if (parse_name(listing, file->name, id, &codec))
		entry = object_set_add(&listing->objects, id, codec);
	if (entry == NULL)
		return;
	entry->fingerprint = file->bytes & ~(FRESH | UNREADABLE);
	if (file->age >= 0 && file->age < OBJECT_FRESH_SECONDS)
		entry->fingerprint |= FRESH;
	if (!file->readable)
		entry->fingerprint |= UNREADABLE;
}

StoreResult
object_listing_load(ObjectListing *listing, const Repository *repository, const char *server)
{
	FileListing files = {is_wanted, note_file, listing};
	char *directory = server_path(server, "objects");
	StoreResult result;

	object_set_init(&listing->objects);
	listing->cipher = repository_cipher(repository);
	result = repository->storage->list_files(repository->storage, directory, &files);
	free(directory);
	return result.code == STORE_ABSENT ? store_ok() : result;
}

void
object_listing_free(ObjectListing *listing)
{
	object_set_free(&listing->objects);
}

static const ObjectSetEntry *
find(const ObjectListing *listing, const Manifest *manifest, uint32_t object)
{
	return object_set_find(&listing->objects, manifest->objects[object].id, manifest->codec);
}

ListedObject
object_listing_look(const ObjectListing *listing, const Manifest *manifest, uint32_t object,
					uint64_t *bytes)
{
	const ObjectSetEntry *entry = find(listing, manifest, object);

	*bytes = entry != NULL ? LENGTH(entry) : 0;
	if (entry == NULL)
		return LISTED_ABSENT;
	if ((entry->fingerprint & UNREADABLE) != 0)
		return LISTED_UNREADABLE;
	return *bytes == manifest->objects[object].bytes ? LISTED_GOOD : LISTED_OTHER_LENGTH;
}

bool
object_listing_is_fresh(const ObjectListing *listing, const Manifest *manifest, uint32_t object)
{
	const ObjectSetEntry *entry = find(listing, manifest, object);

	return entry != NULL && (entry->fingerprint & FRESH) != 0;
}
