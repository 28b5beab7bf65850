/*-------------------------------------------------------------------------
 *
 * wal_ready.c
 *	  Which WAL files a server wants archived, in its data directory.
 *
 * These files are only read: it is the server that renames them.  Two programs
 * that rename them lose segments.
 *
 *-------------------------------------------------------------------------
 */
#include "wal_ready.h"

#include <dirent.h>
#include <string.h>

#define READY ".ready"

int
wal_ready_compare(const WalName *a, const WalName *b)
{
	if ((a->kind == WAL_HISTORY) != (b->kind == WAL_HISTORY))
		return a->kind == WAL_HISTORY ? -1 : 1;
	return strcmp(a->text, b->text);
}

/* The name without its ending, if it has that. */
static bool
parse_entry(const char *entry, WalName *name)
{
	size_t length = strlen(entry);
	size_t ending = strlen(READY);
	char stem[WAL_NAME_SIZE];

	if (length <= ending || length - ending >= sizeof(stem) ||
		strcmp(entry + length - ending, READY) != 0)
		return false;
	memcpy(stem, entry, length - ending);
	stem[length - ending] = '\0';
	return wal_name_parse(stem, name);
}

/* Put a name in its place among the first ones; true if one of them has none there. */
static bool
insert(WalName *names, size_t limit, size_t *count, const WalName *name)
{
	bool full = *count == limit;
	size_t low = 0;
	size_t high = *count;

	if (full && wal_ready_compare(name, &names[limit - 1]) > 0)
		return true;
	while (low < high)
	{
		size_t middle = low + (high - low) / 2;

		if (wal_ready_compare(name, &names[middle]) > 0)
			low = middle + 1;
		else
			high = middle;
	}
	if (!full)
		(*count)++;
	memmove(names + low + 1, names + low, (*count - 1 - low) * sizeof(*names));
	names[low] = *name;
	return full;
}

bool
wal_ready_list(const char *directory, WalName *names, size_t limit, size_t *count)
{
	DIR *handle = opendir(directory);
	struct dirent *entry;
	bool more = false;
	WalName name;

	*count = 0;
	while (handle != NULL && limit > 0 && (entry = readdir(handle)) != NULL)
	{
		if (parse_entry(entry->d_name, &name))
			more = insert(names, limit, count, &name) || more;
	}
	if (handle != NULL)
		closedir(handle);
	return more;
}
