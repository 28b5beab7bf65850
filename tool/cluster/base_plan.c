/*-------------------------------------------------------------------------
 *
 * base_plan.c
 *	  Which parts of which files go into one object together.
 *
 *-------------------------------------------------------------------------
 */
#include "base_plan.h"

#include <stdlib.h>
#include <string.h>

#include "cluster_file.h"
#include "memory.h"

/* A smaller file shares its frame, and its object, with others. */
#define SMALL_BYTES FRAME_BYTES

/* A map has about so many entries and runs: some megabytes. */
#define MAP_ITEMS 200000

/* ---- packs ---- */

static void
add_part(BasePlan *plan, uint32_t file, uint64_t offset, uint32_t bytes, bool new_frame)
{
	if ((plan->nparts & (plan->nparts - 1)) == 0)
		plan->parts =
			xrealloc(plan->parts, (plan->nparts == 0 ? 1 : plan->nparts * 2) * sizeof(PackPart));
	plan->parts[plan->nparts++] = (PackPart){file, offset, bytes, new_frame};
	plan->packs[plan->npacks - 1].count++;
}

static void
begin_pack(BasePlan *plan)
{
	if ((plan->npacks & (plan->npacks - 1)) == 0)
		plan->packs =
			xrealloc(plan->packs, (plan->npacks == 0 ? 1 : plan->npacks * 2) * sizeof(Pack));
	plan->packs[plan->npacks++] = (Pack){plan->nparts, 0};
}

static void
add_large(BasePlan *plan, const BaseTree *tree, uint32_t file)
{
	uint64_t bytes = tree->files[file].bytes;
	uint64_t at;

	for (at = 0; at < bytes; at += FRAME_BYTES)
	{
		if (at % PACK_BYTES == 0)
			begin_pack(plan);
		add_part(plan, file, at, (uint32_t) (bytes - at < FRAME_BYTES ? bytes - at : FRAME_BYTES),
				 true);
	}
}

static size_t
directory_length(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash != NULL ? (size_t) (slash - path) : 0;
}

static bool
same_directory(const char *a, const char *b)
{
	size_t length = directory_length(a);

	return length == directory_length(b) && strncmp(a, b, length) == 0;
}

static bool
is_in_packs(const BaseFile *file)
{
	return file->type == MAP_FILE && (file->bytes > 0 || file->whole) &&
		   strcmp(file->path, CONTROL_FILE) != 0;
}

/* Small files, as they come; a directory ends a pack. */
static void
add_small(BasePlan *plan, const BaseTree *tree)
{
	const BaseFile *last = NULL;
	uint64_t in_pack = 0;
	uint64_t in_frame = 0;
	uint32_t i;

	for (i = 0; i < tree->count; i++)
	{
		const BaseFile *file = &tree->files[i];
		bool new_pack;
		bool new_frame;

		if (!is_in_packs(file) || file->bytes >= SMALL_BYTES)
			continue;
		new_pack = last == NULL || in_pack + file->bytes > PACK_BYTES ||
				   !same_directory(last->path, file->path);
		new_frame = new_pack || in_frame + file->bytes > FRAME_BYTES;
		if (new_pack)
		{
			begin_pack(plan);
			in_pack = 0;
		}
		if (new_frame)
			in_frame = 0;
		add_part(plan, i, 0, (uint32_t) file->bytes, new_frame);
		in_pack += file->bytes;
		in_frame += file->bytes;
		last = file;
	}
}

static int
compare_sizes(const void *a, const void *b, void *argument)
{
	const BaseFile *files = argument;
	const BaseFile *x = &files[*(const uint32_t *) a];
	const BaseFile *y = &files[*(const uint32_t *) b];

	if (x->bytes != y->bytes)
		return x->bytes > y->bytes ? -1 : 1;
	return strcmp(x->path, y->path);
}

void
base_plan_make(const BaseTree *tree, BasePlan *plan)
{
	uint32_t *large = xcalloc(tree->count + 1, sizeof(uint32_t));
	size_t count = 0;
	size_t i;

	memset(plan, 0, sizeof(*plan));
	for (i = 0; i < tree->count; i++)
	{
		if (is_in_packs(&tree->files[i]) && tree->files[i].bytes >= SMALL_BYTES)
			large[count++] = (uint32_t) i;
	}
	if (count > 0)
		qsort_r(large, count, sizeof(uint32_t), compare_sizes, tree->files);
	for (i = 0; i < count; i++)
		add_large(plan, tree, large[i]);
	add_small(plan, tree);
	free(large);
}

void
base_plan_free(BasePlan *plan)
{
	free(plan->parts);
	free(plan->packs);
	memset(plan, 0, sizeof(*plan));
}

/* ---- maps ---- */

/* Where a part of a file is. */
typedef struct Place
{
	uint32_t file;
	uint64_t offset;
	uint32_t pack;
	FileMapRun run;
} Place;

static int
compare_places(const void *a, const void *b)
{
	const Place *x = a;
	const Place *y = b;

	if (x->file != y->file)
		return x->file < y->file ? -1 : 1;
	return x->offset < y->offset ? -1 : x->offset > y->offset;
}

/* All parts, in the order of the files; CONTROL_FILE is in a pack behind the others. */
static Place *
find_places(const BaseTree *tree, const BasePlan *plan, size_t *count)
{
	Place *places = xcalloc(plan->nparts + 2, sizeof(Place));
	size_t n = 0;
	size_t pack;
	size_t i;

	for (pack = 0; pack < plan->npacks; pack++)
	{
		uint32_t offset = 0;

		for (i = plan->packs[pack].first; i < plan->packs[pack].first + plan->packs[pack].count;
			 i++)
		{
			const PackPart *part = &plan->parts[i];

			places[n++] =
				(Place){part->file, part->offset, (uint32_t) pack, {0, offset, part->bytes}};
			offset += part->bytes;
		}
	}
	for (i = 0; i < tree->count; i++)
	{
		if (strcmp(tree->files[i].path, CONTROL_FILE) == 0)
			places[n++] = (Place){
				(uint32_t) i, 0, (uint32_t) plan->npacks, {0, 0, (uint32_t) tree->files[i].bytes}};
	}
	qsort(places, n, sizeof(Place), compare_places);
	*count = n;
	return places;
}

/* A map that is being made; the numbers of packs are those of all, plus one, once they are in it.
 */
typedef struct MapDraft
{
	const DigestHex *ids;
	uint32_t *known;
	FileMap map;
} MapDraft;

static uint32_t
object_of(MapDraft *draft, uint32_t pack)
{
	FileMap *map = &draft->map;

	if (draft->known[pack] == 0)
	{
		memcpy(map->objects[map->nobjects], draft->ids[pack], sizeof(DigestHex));
		draft->known[pack] = ++map->nobjects;
	}
	return draft->known[pack] - 1;
}

static void
add_entry(MapDraft *draft, const BaseFile *file, const Place *places, size_t count)
{
	FileMapEntry *entry = &draft->map.entries[draft->map.nentries++];
	size_t i;

	memset(entry, 0, sizeof(*entry));
	entry->type = file->type;
	entry->path = file->path;
	entry->target = file->target;
	entry->mode = file->mode;
	entry->modified = file->modified;
	entry->bytes = file->there;
	entry->runs = xcalloc(count + 1, sizeof(FileMapRun));
	for (i = 0; i < count && places[i].offset < entry->bytes; i++)
	{
		FileMapRun *run = &entry->runs[entry->nruns++];

		*run = places[i].run;
		run->object = object_of(draft, places[i].pack);
		if (run->bytes > entry->bytes - places[i].offset)
			run->bytes = (uint32_t) (entry->bytes - places[i].offset);
	}
}

/* Store what there is, and begin another one. */
static bool
flush_map(MapDraft *draft, size_t packs, PutMap put, void *argument)
{
	Buffer text;
	bool good;
	uint32_t i;

	buffer_init(&text);
	file_map_write(&draft->map, &text);
	good = put(argument, &text);
	buffer_free(&text);
	for (i = 0; i < draft->map.nentries; i++)
		free(draft->map.entries[i].runs);
	draft->map.nentries = draft->map.nobjects = 0;
	memset(draft->known, 0, packs * sizeof(uint32_t));
	return good;
}

bool
base_plan_write_maps(const BaseTree *tree, const BasePlan *plan, const DigestHex *ids, PutMap put,
					 void *argument)
{
	MapDraft draft = {.ids = ids};
	size_t packs = plan->npacks + 1;
	size_t nplaces;
	Place *places = find_places(tree, plan, &nplaces);
	size_t place = 0;
	size_t items = 0;
	bool good = true;
	size_t i;

	draft.known = xcalloc(packs, sizeof(uint32_t));
	draft.map.objects = xcalloc(packs, sizeof(DigestHex));
	draft.map.entries = xcalloc(tree->count + 1, sizeof(FileMapEntry));
	for (i = 0; i < tree->count && good; i++)
	{
		size_t first = place;

		while (place < nplaces && places[place].file == i)
			place++;
		if (!tree->files[i].gone)
			add_entry(&draft, &tree->files[i], places + first, place - first);
		items += 1 + place - first;
		if (items < MAP_ITEMS && i + 1 < tree->count)
			continue;
		good = flush_map(&draft, packs, put, argument);
		items = 0;
	}
	free(draft.map.entries);
	free(draft.map.objects);
	free(draft.known);
	free(places);
	return good;
}
