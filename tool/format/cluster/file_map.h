/*-------------------------------------------------------------------------
 *
 * file_map.h
 *	  Which files a base backup has, and where their bytes are (docs/format.md,
 *	  section 16).
 *
 * A run is a part of a file, and a part of what an object holds.  Objects are
 * named by their digests and not by positions in a manifest, so that the map
 * of files that did not change stays the same; and places in them are counted
 * in bytes of their content, so that they do not depend on how that was cut
 * into frames.  A file may have any number of runs, of any length: one that
 * changed in some pages may take the others from where an older backup has
 * them.
 *
 * Not JSON, as a terabyte has millions of runs.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_FILE_MAP_H
#define NEX_FILE_MAP_H

#include <stdbool.h>
#include <stdint.h>

#include "buffer.h"
#include "digest.h"

typedef enum FileMapType
{
	MAP_DIRECTORY = 1,
	MAP_FILE = 2,
	MAP_LINK = 3,
	MAP_TABLESPACE = 4 /* a link in pg_tblspc, to where the manifest says */
} FileMapType;

typedef struct FileMapRun
{
	uint32_t object; /* position in FileMap.objects */
	uint32_t offset; /* in the content of the object */
	uint32_t bytes;
} FileMapRun;

typedef struct FileMapEntry
{
	FileMapType type;
	char *path; /* relative to the data directory */
	uint32_t mode;
	int64_t modified; /* seconds since 1970 */
	uint64_t bytes;
	char *target; /* of a link; else NULL */
	FileMapRun *runs;
	uint32_t nruns;
} FileMapEntry;

typedef struct FileMap
{
	DigestHex *objects;
	uint32_t nobjects;
	FileMapEntry *entries;
	uint32_t nentries;
} FileMap;

/* Longer paths are in no data directory. */
#define MAP_PATH_MAX 1024

/* Objects of base backups have no more bytes of content. */
#define MAP_OBJECT_MAX (256U * 1024 * 1024)

extern void file_map_write(const FileMap *map, Buffer *out);

/* Read it, trusting nothing.  NULL when good, else what is wrong, static; then there is nothing to
 * be freed. */
extern const char *file_map_read(const char *data, size_t length, FileMap *map);
extern void file_map_free(FileMap *map);

#endif /* NEX_FILE_MAP_H */
