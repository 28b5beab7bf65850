/*-------------------------------------------------------------------------
 *
 * base_content.h
 *	  Which files a base backup has, and which bytes of which objects go where.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_BASE_CONTENT_H
#define NEX_BASE_CONTENT_H

#include "file_map.h"
#include "repository.h"

/* Bytes of an object that are a part of a file. */
typedef struct BaseWrite
{
	uint32_t object; /* position in the manifest */
	uint32_t offset; /* in its content */
	uint32_t bytes;
	const FileMapEntry *file;
	uint64_t at; /* in the file */
} BaseWrite;

typedef struct BaseContent
{
	FileMap *maps;
	size_t nmaps;
	BaseWrite *writes; /* in the order of the objects */
	size_t nwrites;
	uint64_t bytes;
} BaseContent;

/* Read the maps of a base backup, whose inner part is open.  False (reported) on failure. */
extern bool base_content_read(Repository *repository, const Manifest *base, BaseContent *content);
extern void base_content_free(BaseContent *content);

/* For each entry of the maps; false if one of them said so. */
typedef bool (*EntryVisit)(const FileMapEntry *entry, void *argument);
extern bool base_content_each(const BaseContent *content, EntryVisit visit, void *argument);

#endif /* NEX_BASE_CONTENT_H */
