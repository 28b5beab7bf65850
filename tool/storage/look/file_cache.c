/*-------------------------------------------------------------------------
 *
 * file_cache.c
 *	  Small files of buckets, as they were read before.
 *
 * A file is called by the digest of place and path, so a newer version takes
 * the place of an older one.  A head line says what it is:
 *
 *	  nex_backup cache 1 DIGEST\n
 *
 * where DIGEST is that of all that follows: place, path, version and length, each
 * with a zero byte behind it, and the content.
 *
 *-------------------------------------------------------------------------
 */
#include "file_cache.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "digest.h"
#include "memory.h"
#include "storage_use.h"
#include "trusted_path.h"

#define DIRECTORY "cache"
#define HEAD "nex_backup cache 1 "
#define HEAD_BYTES (sizeof(HEAD) - 1 + DIGEST_HEX_LENGTH + 1)

/* A larger file costs more than a request; and all of them, and what is left when there are more.
 */
#define MAX_FILE ((uint64_t) 8 * 1024 * 1024)
#define MAX_ALL ((uint64_t) 64 * 1024 * 1024)
#define LEFT_OF_ALL (MAX_ALL / 4 * 3)

/* What could not be kept in a file is remembered, up to this, as long as the program runs. */
#define MAX_REMEMBERED ((uint64_t) 32 * 1024 * 1024)

typedef struct Remembered
{
	struct Remembered *next;
	Buffer words; /* what it is (describe()) */
	char *content;
} Remembered;

struct FileCache
{
	char *directory;  /* NULL: none */
	Storage *storage; /* NULL: it cannot be opened; tried again when something is to be kept */
	bool added;
	Remembered *remembered;
	uint64_t remembered_bytes;
};

static void
open_storage(FileCache *cache, bool make)
{
	StoreResult result;
	int root;

	if (cache->storage != NULL || cache->directory == NULL)
		return;
	root = make ? trusted_directory_make(cache->directory)
				: trusted_directory_open(cache->directory, false);
	if (root >= 0)
		cache->storage = posix_storage_at(root, cache->directory, &result);
}

FileCache *
file_cache_open(const char *state_directory)
{
	FileCache *cache = xcalloc(1, sizeof(FileCache));

	cache->directory = xstrdup(state_directory);
	open_storage(cache, false);
	return cache;
}

/* ---- one file ---- */

/* "cache/DIGEST"; NULL if OpenSSL refuses.  Caller frees. */
static char *
path_of(const CachedFile *file)
{
	char *name = xasprintf("%s\n%s", file->place, file->path);
	DigestHex digest;
	bool good = digest_buffer(name, strlen(name), digest);

	free(name);
	return good ? xasprintf(DIRECTORY "/%s", digest) : NULL;
}

static void
append_word(Buffer *to, const char *word)
{
	buffer_append(to, word, strlen(word) + 1);
}

/* What must stand before the content. */
static void
describe(const CachedFile *file, Buffer *to)
{
	char bytes[24];

	snprintf(bytes, sizeof(bytes), "%" PRIu64, file->bytes);
	append_word(to, file->place);
	append_word(to, file->path);
	append_word(to, file->version);
	append_word(to, bytes);
}

static bool
is_right(const CachedFile *file, const Buffer *stored, const Buffer *words)
{
	DigestHex digest;

	return stored->length == HEAD_BYTES + words->length + file->bytes &&
		   memcmp(stored->data, HEAD, sizeof(HEAD) - 1) == 0 &&
		   digest_buffer(stored->data + HEAD_BYTES, stored->length - HEAD_BYTES, digest) &&
		   memcmp(stored->data + sizeof(HEAD) - 1, digest, DIGEST_HEX_LENGTH) == 0 &&
		   memcmp(stored->data + HEAD_BYTES, words->data, words->length) == 0;
}

static const Remembered *
find_remembered(const FileCache *cache, const Buffer *words)
{
	const Remembered *item;

	for (item = cache->remembered; item != NULL; item = item->next)
	{
		if (item->words.length == words->length &&
			memcmp(item->words.data, words->data, words->length) == 0)
			return item;
	}
	return NULL;
}

static void
remember(FileCache *cache, const CachedFile *file, const char *content)
{
	Remembered *item;

	if (cache->remembered_bytes + file->bytes > MAX_REMEMBERED)
		return;
	item = xcalloc(1, sizeof(Remembered));
	describe(file, &item->words);
	item->content = memcpy(xmalloc(file->bytes + 1), content, file->bytes);
	item->next = cache->remembered;
	cache->remembered = item;
	cache->remembered_bytes += file->bytes;
}

bool
file_cache_get(FileCache *cache, const CachedFile *file, Buffer *content)
{
	char *path = cache->storage != NULL ? path_of(file) : NULL;
	const Remembered *remembered;
	bool good = false;
	Buffer stored;
	Buffer words;

	buffer_init(&stored);
	buffer_init(&words);
	describe(file, &words);
	remembered = find_remembered(cache, &words);
	if (remembered != NULL)
		buffer_append(content, remembered->content, file->bytes);
	if (path != NULL && remembered == NULL && file->bytes <= MAX_FILE &&
		storage_read(cache->storage, path, MAX_FILE + 4096, &stored).code == STORE_OK)
		good = is_right(file, &stored, &words);
	if (good)
		buffer_append(content, stored.data + HEAD_BYTES + words.length, file->bytes);
	buffer_free(&words);
	buffer_free(&stored);
	free(path);
	return good || remembered != NULL;
}

void
file_cache_put(FileCache *cache, const CachedFile *file, const char *content)
{
	static const PutOptions options = {.mode = PUT_REPLACE, .later = true};
	DigestHex digest;
	Buffer stored;
	bool kept = false;
	Buffer body;
	char *path;

	if (file->bytes > MAX_FILE)
		return;
	open_storage(cache, true);
	path = cache->storage != NULL ? path_of(file) : NULL;
	buffer_init(&body);
	buffer_init(&stored);
	describe(file, &body);
	buffer_append(&body, content, file->bytes);
	if (path != NULL && digest_buffer(body.data, body.length, digest))
	{
		buffer_printf(&stored, HEAD "%s\n", digest);
		buffer_append(&stored, body.data, body.length);
		kept =
			cache->storage->put(cache->storage, path, stored.data, stored.length, &options).code ==
			STORE_OK;
		cache->added = true;
	}
	if (!kept)
		remember(cache, file, content);
	buffer_free(&stored);
	buffer_free(&body);
	free(path);
}

/* ---- all of them ---- */

typedef struct Kept
{
	char *path;
	uint64_t bytes;
	double age;
} Kept;

typedef struct KeptFiles
{
	Kept *items;
	size_t count;
	uint64_t bytes;
} KeptFiles;

static void
note_kept(const StoreEntry *entry, void *argument)
{
	KeptFiles *kept = argument;

	kept->items = xrealloc(kept->items, (kept->count + 1) * sizeof(Kept));
	kept->items[kept->count++] =
		(Kept){xasprintf(DIRECTORY "/%s", entry->name), entry->bytes, entry->age};
	kept->bytes += entry->bytes;
}

static int
oldest_first(const void *a, const void *b)
{
	const Kept *x = a;
	const Kept *y = b;

	return x->age > y->age ? -1 : x->age < y->age;
}

static void
remove_oldest(Storage *storage)
{
	KeptFiles kept = {.count = 0};
	const FileListing listing = {
		.wanted = storage_wants_all, .visit = note_kept, .argument = &kept};
	uint64_t least;
	size_t i;

	(void) storage->list_files(storage, DIRECTORY, &listing);
	least = kept.bytes > MAX_ALL ? LEFT_OF_ALL : UINT64_MAX;
	if (kept.count > 0)
		qsort(kept.items, kept.count, sizeof(Kept), oldest_first);
	for (i = 0; i < kept.count; i++)
	{
		if (kept.bytes > least)
		{
			(void) storage_remove(storage, kept.items[i].path, false);
			kept.bytes -= kept.items[i].bytes;
		}
		free(kept.items[i].path);
	}
	free(kept.items);
}

void
file_cache_close(FileCache *cache)
{
	Remembered *item;

	while ((item = cache->remembered) != NULL)
	{
		cache->remembered = item->next;
		buffer_free(&item->words);
		free(item->content);
		free(item);
	}
	if (cache->storage != NULL && cache->added)
		remove_oldest(cache->storage);
	if (cache->storage != NULL)
		cache->storage->close(cache->storage);
	free(cache->directory);
	free(cache);
}
