/*-------------------------------------------------------------------------
 *
 * multirange_schemas.c
 *	  The schemas of multirange types, which the archive does not say.
 *
 * "multirange_type_name = s.m" of a range type: nothing in the archive depends
 * on the schema of a type that comes by itself.
 *
 *-------------------------------------------------------------------------
 */
#include "multirange_schemas.h"

#include <stdlib.h>
#include <string.h>

#include "sql_name.h"

static void
add_schema(ArchiveToc *toc, TocEntry *entry)
{
	static const char words[] = "\n    multirange_type_name = ";
	const char *found = strstr(entry->definition, words);
	char *schema;
	char *name;
	uint32_t i;

	if (found == NULL || sql_name_read_qualified(found + strlen(words), &schema, &name) == NULL)
		return;
	for (i = 0; i < toc->count; i++)
	{
		if (toc_entry_is(&toc->entries[i], "SCHEMA") && strcmp(toc->entries[i].tag, schema) == 0)
			toc_entry_depend(entry, &toc->entries[i]);
	}
	free(schema);
	free(name);
}

void
multirange_schemas_add(ArchiveToc *toc)
{
	uint32_t i;

	for (i = 0; i < toc->count; i++)
	{
		if (toc_entry_is(&toc->entries[i], "TYPE"))
			add_schema(toc, &toc->entries[i]);
	}
}
