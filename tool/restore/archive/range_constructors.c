/*-------------------------------------------------------------------------
 *
 * range_constructors.c
 *	  What calls the constructor of a range type, and so needs the type.
 *
 * "s.r(1, 2)" calls a function that comes with the type s.r, or with its
 * multirange type.  pg_dump knows no such functions, so its archive drops what the
 * catalogs say of them: an index, a view or a policy that uses a range type in no
 * other way does not depend on it.  Their definitions name the function with its
 * schema, and nothing else can have the name of a function there and that of a
 * type but such a constructor, or a function that costs a dependency too many.
 *
 * Backups have these dependencies from the catalogs (kept_dependencies.h); this is
 * for older ones.
 *
 *-------------------------------------------------------------------------
 */
#include "range_constructors.h"

#include <stdlib.h>
#include <string.h>

#include "definition_names.h"
#include "entry_calls.h"
#include "memory.h"
#include "sql_name.h"

/* The name of a constructor. */
typedef struct Constructor
{
	const TocEntry *type;
	char *schema;
	char *name;
	const TocEntry *user; /* the last entry that was made to depend on it */
} Constructor;

typedef struct Constructors
{
	Constructor *items;
	uint32_t count;
} Constructors;

/* Takes over the names. */
static void
add(Constructors *all, const TocEntry *type, char *schema, char *name)
{
	all->items = xrealloc(all->items, ((size_t) all->count + 1) * sizeof(Constructor));
	all->items[all->count++] = (Constructor){type, schema, name, NULL};
}

/*
 * "CREATE TYPE s.r AS RANGE (... multirange_type_name = t.m, ...)": the constructors
 * of t.m are functions s.m().
 */
static void
find(Constructors *all, const TocEntry *type)
{
	static const char words[] = "\n    multirange_type_name = ";
	const char *found = strstr(type->definition, words);
	char *schema;
	char *name;

	add(all, type, xstrdup(type->schema), xstrdup(type->tag));
	if (found == NULL || sql_name_read_qualified(found + strlen(words), &schema, &name) == NULL)
		return;
	add(all, type, xstrdup(type->schema), xstrdup(name));
	add(all, type, schema, name);
}

static int
compare_names(const char *name, const char *schema, const Constructor *one)
{
	int order = strcmp(name, one->name);

	return order != 0 ? order : strcmp(schema, one->schema);
}

static int
compare(const void *a, const void *b)
{
	const Constructor *one = a;

	return compare_names(one->name, one->schema, b);
}

/* The first that does not come before the name.  Anybody can make many types, and name many. */
static uint32_t
look_up(const Constructors *all, const UsedName *used)
{
	uint32_t low = 0;
	uint32_t count = all->count;

	while (count > 0)
	{
		uint32_t half = count / 2;

		if (compare_names(used->name, used->schema, &all->items[low + half]) > 0)
		{
			low += half + 1;
			count -= half + 1;
		}
		else
			count = half;
	}
	return low;
}

static void
add_needs(Constructors *all, TocEntry *entry)
{
	UsedNames names;
	uint32_t i;
	uint32_t n;

	definition_names_read(entry, &names);
	for (n = 0; n < names.count; n++)
	{
		const UsedName *used = &names.items[n];

		for (i = used->schema != NULL ? look_up(all, used) : all->count;
			 i < all->count && compare_names(used->name, used->schema, &all->items[i]) == 0; i++)
		{
			Constructor *one = &all->items[i];

			if (one->type->place < entry->place && one->user != entry)
				toc_entry_depend(entry, one->type);
			one->user = entry;
		}
	}
	definition_names_free(&names);
}

void
range_constructors_add(ArchiveToc *toc)
{
	Constructors all = {NULL, 0};
	uint32_t i;

	for (i = 0; i < toc->count; i++)
	{
		if (toc_entry_is(&toc->entries[i], "TYPE") && entry_is_range(&toc->entries[i]))
			find(&all, &toc->entries[i]);
	}
	if (all.count > 0)
		qsort(all.items, all.count, sizeof(Constructor), compare);
	for (i = 0; all.count > 0 && i < toc->count; i++)
		add_needs(&all, &toc->entries[i]);
	for (i = 0; i < all.count; i++)
	{
		free(all.items[i].schema);
		free(all.items[i].name);
	}
	free(all.items);
}
