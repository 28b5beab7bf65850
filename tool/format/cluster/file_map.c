/*-------------------------------------------------------------------------
 *
 * file_map.c
 *	  The file map of a base backup.
 *
 *-------------------------------------------------------------------------
 */
#include "file_map.h"

#include <stdlib.h>
#include <string.h>

#include "cluster_file.h"
#include "memory.h"

#define MAGIC "NXBMAP1\n"
#define MAGIC_BYTES 8
#define ID_BYTES (DIGEST_HEX_LENGTH / 2)

/* The least that an entry, and a run, take. */
#define ENTRY_BYTES (1 + 4 + 8 + 8 + 2 + 1 + 2 + 4)
#define RUN_BYTES 12

/* ---- writing ---- */

/* Little-endian, as is everything here. */
static void
put(Buffer *out, uint64_t value, int bytes)
{
	char text[8];
	int i;

	for (i = 0; i < bytes; i++)
		text[i] = (char) (value >> (8 * i));
	buffer_append(out, text, (size_t) bytes);
}

static void
put_text(Buffer *out, const char *text)
{
	size_t length = text != NULL ? strlen(text) : 0;

	put(out, length, 2);
	if (length > 0)
		buffer_append(out, text, length);
}

static unsigned
digit(char c)
{
	return c <= '9' ? (unsigned) (c - '0') : (unsigned) (c - 'a' + 10);
}

static void
put_entry(Buffer *out, const FileMapEntry *entry)
{
	uint32_t i;

	put(out, entry->type, 1);
	put(out, entry->mode, 4);
	put(out, (uint64_t) entry->modified, 8);
	put(out, entry->bytes, 8);
	put_text(out, entry->path);
	put_text(out, entry->target);
	put(out, entry->nruns, 4);
	for (i = 0; i < entry->nruns; i++)
	{
		put(out, entry->runs[i].object, 4);
		put(out, entry->runs[i].offset, 4);
		put(out, entry->runs[i].bytes, 4);
	}
}

void
file_map_write(const FileMap *map, Buffer *out)
{
	uint32_t i;
	int j;

	buffer_append(out, MAGIC, MAGIC_BYTES);
	put(out, map->nobjects, 4);
	put(out, map->nentries, 4);
	for (i = 0; i < map->nobjects; i++)
	{
		for (j = 0; j < ID_BYTES; j++)
			put(out, digit(map->objects[i][2 * j]) << 4 | digit(map->objects[i][2 * j + 1]), 1);
	}
	for (i = 0; i < map->nentries; i++)
		put_entry(out, &map->entries[i]);
}

/* ---- reading ---- */

typedef struct Reader
{
	const unsigned char *at;
	size_t left;
	const char *problem; /* the first thing that is wrong */
} Reader;

static uint64_t
take(Reader *reader, int bytes)
{
	uint64_t value = 0;
	int i;

	if (reader->left < (size_t) bytes)
	{
		reader->left = 0;
		reader->problem = reader->problem != NULL ? reader->problem : "ends too early";
		return 0;
	}
	for (i = 0; i < bytes; i++)
		value |= (uint64_t) reader->at[i] << (8 * i);
	reader->at += bytes;
	reader->left -= (size_t) bytes;
	return value;
}

static void
broken(Reader *reader, const char *problem)
{
	if (reader->problem == NULL)
		reader->problem = problem;
}

/* A text without NUL; NULL if it is empty. */
static char *
take_text(Reader *reader)
{
	size_t length = (size_t) take(reader, 2);
	char *text;

	if (length == 0)
		return NULL;
	if (length > reader->left || length > MAP_PATH_MAX || memchr(reader->at, 0, length) != NULL)
	{
		broken(reader, "has a path that is too long, or cut off");
		return NULL;
	}
	text = xmalloc(length + 1);
	memcpy(text, reader->at, length);
	text[length] = '\0';
	reader->at += length;
	reader->left -= length;
	return text;
}

static void
take_objects(Reader *reader, FileMap *map)
{
	static const char digits[] = "0123456789abcdef";
	uint32_t i;
	int j;

	for (i = 0; i < map->nobjects; i++)
	{
		for (j = 0; j < ID_BYTES; j++)
		{
			unsigned byte = (unsigned) take(reader, 1);

			map->objects[i][2 * j] = digits[byte >> 4];
			map->objects[i][2 * j + 1] = digits[byte & 15];
		}
		map->objects[i][DIGEST_HEX_LENGTH] = '\0';
	}
}

/* Runs cover the file. */
static void
take_runs(Reader *reader, const FileMap *map, FileMapEntry *entry, uint32_t count)
{
	uint64_t bytes = 0;
	uint32_t i;

	if (count > reader->left / RUN_BYTES)
	{
		broken(reader, "has more runs than bytes");
		return;
	}
	entry->runs = xcalloc((size_t) count + 1, sizeof(FileMapRun));
	entry->nruns = count;
	for (i = 0; i < count; i++)
	{
		FileMapRun *run = &entry->runs[i];

		run->object = (uint32_t) take(reader, 4);
		run->offset = (uint32_t) take(reader, 4);
		run->bytes = (uint32_t) take(reader, 4);
		bytes += run->bytes;
		if (run->object >= map->nobjects || run->bytes == 0 || run->bytes > MAP_OBJECT_MAX ||
			run->offset > MAP_OBJECT_MAX - run->bytes)
			broken(reader, "has a run that is in no object");
	}
	if (bytes != entry->bytes)
		broken(reader, "has a file whose runs are not all of it");
}

static void
take_entry(Reader *reader, const FileMap *map, FileMapEntry *entry)
{
	uint32_t runs;

	entry->type = (FileMapType) take(reader, 1);
	entry->mode = (uint32_t) take(reader, 4);
	entry->modified = (int64_t) take(reader, 8);
	entry->bytes = take(reader, 8);
	entry->path = take_text(reader);
	entry->target = take_text(reader);
	runs = (uint32_t) take(reader, 4);
	if (entry->type < MAP_DIRECTORY || entry->type > MAP_TABLESPACE)
		broken(reader, "has an entry of an unknown type");
	if (entry->path == NULL || !cluster_path_valid(entry->path))
		broken(reader, "has a path that is not one of a data directory");
	if ((entry->target != NULL) != (entry->type == MAP_LINK) ||
		(entry->type != MAP_FILE && (entry->bytes != 0 || runs != 0)) || entry->mode > 07777)
		broken(reader, "has an entry that is more than its type allows");
	take_runs(reader, map, entry, runs);
}

const char *
file_map_read(const char *data, size_t length, FileMap *map)
{
	Reader reader = {(const unsigned char *) data, length, NULL};
	uint32_t entries;
	uint32_t i;

	memset(map, 0, sizeof(*map));
	if (length < MAGIC_BYTES || memcmp(data, MAGIC, MAGIC_BYTES) != 0)
		return "is not a file map that this version of nex_backup knows";
	(void) take(&reader, MAGIC_BYTES);
	map->nobjects = (uint32_t) take(&reader, 4);
	entries = (uint32_t) take(&reader, 4);
	if (map->nobjects > reader.left / ID_BYTES || entries > reader.left / ENTRY_BYTES)
	{
		map->nobjects = 0;
		return "is shorter than it says";
	}
	map->objects = xcalloc((size_t) map->nobjects + 1, sizeof(DigestHex));
	map->entries = xcalloc((size_t) entries + 1, sizeof(FileMapEntry));
	take_objects(&reader, map);
	for (i = 0; i < entries && reader.problem == NULL; i++)
	{
		map->nentries++;
		take_entry(&reader, map, &map->entries[i]);
	}
	if (reader.left > 0)
		broken(&reader, "has bytes behind its end");
	if (reader.problem != NULL)
		file_map_free(map);
	return reader.problem;
}

void
file_map_free(FileMap *map)
{
	uint32_t i;

	for (i = 0; i < map->nentries; i++)
	{
		free(map->entries[i].path);
		free(map->entries[i].target);
		free(map->entries[i].runs);
	}
	free(map->entries);
	free(map->objects);
	memset(map, 0, sizeof(*map));
}
