/*-------------------------------------------------------------------------
 *
 * fuzz_file_map.c
 *	  Any bytes as the file map of a base backup: what is accepted leads to no
 *	  place outside of a data directory, and is written the same way again.
 *
 *-------------------------------------------------------------------------
 */
#include "fuzz.h"

#include <string.h>

#include "cluster_file.h"
#include "file_map.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	FileMap map;
	Buffer again;
	uint32_t i;
	uint32_t j;

	if (file_map_read((const char *) data, size, &map) != NULL)
		return 0;
	for (i = 0; i < map.nentries; i++)
	{
		const FileMapEntry *entry = &map.entries[i];
		uint64_t bytes = 0;

		MUST(cluster_path_valid(entry->path) && entry->path[0] != '/');
		MUST(strlen(entry->path) <= MAP_PATH_MAX && strstr(entry->path, "/../") == NULL);
		for (j = 0; j < entry->nruns; j++)
		{
			MUST(entry->runs[j].object < map.nobjects);
			bytes += entry->runs[j].bytes;
		}
		MUST(bytes == entry->bytes);
	}
	buffer_init(&again);
	file_map_write(&map, &again);
	MUST(again.length == size && memcmp(again.data, data, size) == 0);
	buffer_free(&again);
	file_map_free(&map);
	return 0;
}
