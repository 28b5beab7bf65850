/*-------------------------------------------------------------------------
 *
 * base_content.c
 *	  Which files a base backup has.
 *
 *-------------------------------------------------------------------------
 */
#include "base_content.h"

#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "member_reader.h"
#include "memory.h"

/* Objects of a manifest by their ids, and how much each holds. */
typedef struct Objects
{
	const Manifest *manifest;
	uint32_t *by_id;
	uint64_t *raw;
} Objects;

static int
compare_ids(const void *a, const void *b, void *argument)
{
	const Manifest *manifest = argument;

	return strcmp(manifest->objects[*(const uint32_t *) a].id,
				  manifest->objects[*(const uint32_t *) b].id);
}

static void
objects_find_out(Objects *objects, const Manifest *manifest)
{
	uint32_t i;

	objects->manifest = manifest;
	objects->by_id = xcalloc((size_t) manifest->nobjects + 1, sizeof(uint32_t));
	objects->raw = xcalloc((size_t) manifest->nobjects + 1, sizeof(uint64_t));
	for (i = 0; i < manifest->nobjects; i++)
		objects->by_id[i] = i;
	for (i = 0; i < manifest->nmembers; i++)
	{
		if (manifest->members[i].kind == MEMBER_PAGES)
			objects->raw[manifest->members[i].object] += manifest->members[i].raw;
	}
	qsort_r(objects->by_id, manifest->nobjects, sizeof(uint32_t), compare_ids, (void *) manifest);
}

/* The position of an object in the manifest; -1: it is not there. */
static int64_t
object_position(const Objects *objects, const char *id)
{
	uint32_t low = 0;
	uint32_t high = objects->manifest->nobjects;

	while (low < high)
	{
		uint32_t middle = low + (high - low) / 2;

		if (strcmp(objects->manifest->objects[objects->by_id[middle]].id, id) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low < objects->manifest->nobjects &&
				   strcmp(objects->manifest->objects[objects->by_id[low]].id, id) == 0
			   ? (int64_t) objects->by_id[low]
			   : -1;
}

static void
add_write(BaseContent *content, const BaseWrite *write)
{
	if ((content->nwrites & (content->nwrites - 1)) == 0)
		content->writes =
			xrealloc(content->writes,
					 (content->nwrites == 0 ? 1 : content->nwrites * 2) * sizeof(BaseWrite));
	content->writes[content->nwrites++] = *write;
}

/* The runs of a file; false if one is not in the objects that the manifest names. */
static bool
add_file(BaseContent *content, const Objects *objects, const FileMap *map,
		 const FileMapEntry *entry)
{
	uint64_t at = 0;
	uint32_t i;

	for (i = 0; i < entry->nruns; i++)
	{
		const FileMapRun *run = &entry->runs[i];
		int64_t object = object_position(objects, map->objects[run->object]);
		BaseWrite write = {(uint32_t) object, run->offset, run->bytes, entry, at};

		if (object < 0 || (uint64_t) run->offset + run->bytes > objects->raw[object] ||
			objects->raw[object] > MAP_OBJECT_MAX)
			return false;
		add_write(content, &write);
		at += run->bytes;
	}
	content->bytes += entry->bytes;
	return true;
}

static bool
report_broken(const Manifest *base, const char *problem)
{
	return report_error(EXIT_INTEGRITY, NULL, NULL, "a file map of base backup %s %s", base->id,
						problem);
}

static bool
read_map(BaseContent *content, const Objects *objects, const Manifest *base, const Buffer *text)
{
	FileMap *map;
	const char *problem;
	uint32_t i;

	content->maps = xrealloc(content->maps, (content->nmaps + 1) * sizeof(FileMap));
	map = &content->maps[content->nmaps];
	problem = file_map_read(text->data, text->length, map);
	if (problem != NULL)
		return report_broken(base, problem);
	content->nmaps++;
	for (i = 0; i < map->nentries; i++)
	{
		if (!add_file(content, objects, map, &map->entries[i]))
			return report_broken(base, "names bytes that no object of the backup has");
	}
	return true;
}

static int
compare_writes(const void *a, const void *b)
{
	const BaseWrite *x = a;
	const BaseWrite *y = b;

	if (x->object != y->object)
		return x->object < y->object ? -1 : 1;
	return x->offset < y->offset ? -1 : x->offset > y->offset;
}

bool
base_content_read(Repository *repository, const Manifest *base, BaseContent *content)
{
	MemberReader reader;
	Objects objects = {0};
	bool good;
	uint32_t i;

	memset(content, 0, sizeof(*content));
	objects_find_out(&objects, base);
	good = member_reader_open(&reader, repository, base);
	reader.whole = true;
	for (i = 0; i < base->nmembers && good; i++)
	{
		if (base->members[i].kind == MEMBER_FILE_MAP)
			good = member_reader_read(&reader, &base->members[i]) &&
				   read_map(content, &objects, base, &reader.raw);
	}
	member_reader_close(&reader);
	free(objects.by_id);
	free(objects.raw);
	if (content->nwrites > 0)
		qsort(content->writes, content->nwrites, sizeof(BaseWrite), compare_writes);
	return good;
}

void
base_content_free(BaseContent *content)
{
	size_t i;

	for (i = 0; i < content->nmaps; i++)
		file_map_free(&content->maps[i]);
	free(content->maps);
	free(content->writes);
	memset(content, 0, sizeof(*content));
}

bool
base_content_each(const BaseContent *content, EntryVisit visit, void *argument)
{
	size_t i;
	uint32_t j;

	for (i = 0; i < content->nmaps; i++)
	{
		for (j = 0; j < content->maps[i].nentries; j++)
		{
			if (!visit(&content->maps[i].entries[j], argument))
				return false;
		}
	}
	return true;
}
