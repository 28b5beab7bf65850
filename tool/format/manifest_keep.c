/*-------------------------------------------------------------------------
 *
 * manifest_keep.c
 *	  Making a manifest smaller, for a restore of a part of a backup.
 *
 * Everything that verifies or loads goes by the manifest, so none of it has
 * to know of selections.
 *
 *-------------------------------------------------------------------------
 */
#include "manifest.h"
#include "manifest_keep.h"

#include <stdlib.h>

#include "memory.h"

static void
free_table(ManifestTable *table)
{
	free(table->schema);
	free(table->name);
	free(table->copy);
	free(table->extension);
}

/* Move the kept tables together; gives each its new position, or -1. */
static int32_t *
keep_tables(Manifest *manifest, const bool *tables)
{
	int32_t *places = xcalloc((size_t) manifest->ntables + 1, sizeof(int32_t));
	uint32_t count = 0;
	uint32_t i;

	for (i = 0; i < manifest->ntables; i++)
	{
		places[i] = tables[i] ? (int32_t) count : -1;
		if (tables[i])
			manifest->tables[count++] = manifest->tables[i];
		else
			free_table(&manifest->tables[i]);
	}
	manifest->ntables = count;
	return places;
}

/* Keep the objects that hold a member; gives each its new position. */
static uint32_t *
keep_objects(Manifest *manifest, const bool *used)
{
	uint32_t *places = xcalloc((size_t) manifest->nobjects + 1, sizeof(uint32_t));
	uint32_t count = 0;
	uint32_t i;

	for (i = 0; i < manifest->nobjects; i++)
	{
		places[i] = count;
		if (used[i])
			manifest->objects[count++] = manifest->objects[i];
	}
	manifest->nobjects = count;
	return places;
}

void
manifest_keep(Manifest *manifest, const bool *tables, const bool kinds[MEMBER_KINDS])
{
	bool *used = xcalloc((size_t) manifest->nobjects + 1, sizeof(bool));
	int32_t *table_places = keep_tables(manifest, tables);
	uint32_t *object_places;
	uint32_t count = 0;
	uint32_t i;

	for (i = 0; i < manifest->nmembers; i++)
	{
		Member member = manifest->members[i];

		if (member.table >= 0)
			member.table = table_places[member.table];
		else if (!kinds[member.kind])
			continue;
		if (member.kind == MEMBER_DATA && member.table < 0)
			continue;
		used[member.object] = true;
		manifest->members[count++] = member;
	}
	manifest->nmembers = count;
	object_places = keep_objects(manifest, used);
	for (i = 0; i < count; i++)
		manifest->members[i].object = object_places[manifest->members[i].object];
	manifest_sum_up(manifest);
	free(used);
	free(table_places);
	free(object_places);
}
