/*-------------------------------------------------------------------------
 *
 * file_cache.h
 *	  Small files of buckets, as they were read before, in a directory of this
 *	  user.
 *
 * Each is kept with the place, the path and the version that it was read at,
 * and with its own digest.  It is given back only for the version that the
 * bucket's listing shows now, and whoever reads it checks its seal and its
 * signature as ever: the cache saves requests, and proves nothing.  What is not
 * right in it is not there.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_FILE_CACHE_H
#define NEX_FILE_CACHE_H

#include <stdbool.h>
#include <stdint.h>

#include "buffer.h"

typedef struct FileCache FileCache;

/* Which file it is. */
typedef struct CachedFile
{
	const char *place; /* the bucket with its server */
	const char *path;
	const char *version;
	uint64_t bytes;
} CachedFile;

/*
 * In the directory "cache" of this one, which need not be there.  Where nothing can be kept, and
 * for NULL, a little is remembered as long as the program runs.
 */
extern FileCache *file_cache_open(const char *state_directory);

/* Remove the oldest, if there is more than there may be. */
extern void file_cache_close(FileCache *cache);

/* Append its content; false if it is not kept. */
extern bool file_cache_get(FileCache *cache, const CachedFile *file, Buffer *content);

/* Keep it, if that can be. */
extern void file_cache_put(FileCache *cache, const CachedFile *file, const char *content);

#endif /* NEX_FILE_CACHE_H */
