/*-------------------------------------------------------------------------
 *
 * bad_objects.c
 *	  Objects that somebody found damaged.
 *
 * One file for each, so that readers of several hosts and threads need no lock,
 * and nothing is lost if one of them is killed.  All in one directory at the
 * top of the repository: to look for them costs a backup one call, and older
 * versions, which know no such directory, leave it alone.
 *
 *-------------------------------------------------------------------------
 */
#include "bad_objects.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "digest.h"
#include "log.h"
#include "memory.h"
#include "names.h"

/* "damaged/ID.sql.zst.age", or "damaged/LABEL@ID…" of another server than main. */
static char *
bad_object_path(const char *server, const char *id, Codec codec, Cipher cipher)
{
	return xasprintf("%s%s%s%s%s%s", BAD_OBJECTS_DIRECTORY, server, server[0] != '\0' ? "@" : "",
					 id, codec_suffix(codec), cipher_suffix(cipher));
}

static bool
parse_suffix(const char *suffix, Codec *codec)
{
	static const Codec codecs[] = {CODEC_NONE, CODEC_GZIP, CODEC_ZSTD};
	size_t i;
	int cipher;

	for (i = 0; i < sizeof(codecs) / sizeof(codecs[0]); i++)
	{
		size_t length = strlen(codec_suffix(codecs[i]));

		if (strncmp(suffix, codec_suffix(codecs[i]), length) != 0)
			continue;
		for (cipher = CIPHER_NONE; cipher <= CIPHER_AES_256_GCM; cipher++)
		{
			*codec = codecs[i];
			if (strcmp(suffix + length, cipher_suffix((Cipher) cipher)) == 0)
				return true;
		}
	}
	return false;
}

bool
bad_object_parse(const char *name, char server[LABEL_SIZE], DigestHex id, Codec *codec)
{
	const char *at = strchr(name, '@');
	size_t length = at != NULL ? (size_t) (at - name) : 0;

	if (length >= LABEL_SIZE)
		return false;
	memcpy(server, name, length);
	server[length] = '\0';
	if (at != NULL && (!label_valid(server) || label_stored(server)[0] == '\0'))
		return false;
	if (at != NULL)
		name = at + 1;
	if (strlen(name) < DIGEST_HEX_LENGTH)
		return false;
	memcpy(id, name, DIGEST_HEX_LENGTH);
	id[DIGEST_HEX_LENGTH] = '\0';
	return digest_hex_valid(id) && parse_suffix(name + DIGEST_HEX_LENGTH, codec);
}

void
bad_object_note(const Repository *repository, const Manifest *manifest, uint32_t object,
				const char *problem)
{
	static atomic_flag said = ATOMIC_FLAG_INIT;
	Storage *storage = repository->storage;
	char *path = bad_object_path(manifest->server.label, manifest->objects[object].id,
								 manifest->codec, manifest->cipher);
	char *text = xasprintf("%s\n", problem);
	StoreResult result = storage->past ? store_ok() : storage_look(storage, path);

	if (result.code == STORE_ABSENT)
		result = storage_write(storage, path, text, strlen(text));
	if (result.code != STORE_OK && !atomic_flag_test_and_set(&said))
		log_warning_hint("Run \"nex_backup verify\" where it can be written: until then the next "
						 "backup may use a damaged file again.",
						 "could not record in repository \"%s\" what was found damaged: %s",
						 storage->location, result.text);
	free(text);
	free(path);
}

void
bad_object_forget(const Repository *repository, const char *server, const char *id, Codec codec,
				  Cipher cipher)
{
	Storage *storage = repository->storage;
	char *path = bad_object_path(server, id, codec, cipher);

	/* What stays costs one more writing of the object, or is removed by expire. */
	if (!storage->past)
		(void) storage_remove(storage, path, false);
	free(path);
}

/* What is looked for in the directory. */
typedef struct Search
{
	const char *server;
	ObjectSet *set;
} Search;

static bool
visit(const char *name, void *argument)
{
	Search *search = argument;
	char server[LABEL_SIZE];
	DigestHex id;
	Codec codec;

	if (bad_object_parse(name, server, id, &codec) && strcmp(server, search->server) == 0)
		object_set_add(search->set, id, codec);
	return true;
}

void
bad_objects_load(const Repository *repository, const char *server, ObjectSet *set)
{
	Search search = {server, set};

	(void) repository->storage->list(repository->storage, BAD_OBJECTS_DIRECTORY, visit, &search);
}

uint32_t
bad_objects_of(const ObjectSet *set, const Manifest *manifest)
{
	uint32_t count = 0;
	uint32_t i;

	for (i = 0; set->count > 0 && i < manifest->nobjects; i++)
		count += object_set_find(set, manifest->objects[i].id, manifest->codec) != NULL;
	return count;
}

uint32_t
bad_objects_count(const Repository *repository, const Manifest *manifest)
{
	ObjectSet set;
	uint32_t count;

	object_set_init(&set);
	bad_objects_load(repository, manifest->server.label, &set);
	count = bad_objects_of(&set, manifest);
	object_set_free(&set);
	return count;
}
