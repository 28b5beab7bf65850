/*-------------------------------------------------------------------------
 *
 * bucket_list.c
 *	  List objects of a bucket, page by page.
 *
 * list_page.h reads the answers.
 *
 *-------------------------------------------------------------------------
 */
#include "bucket_storage.h"

#include <stdlib.h>
#include <string.h>

#include "bucket_history.h"
#include "bucket_list.h"
#include "list_page.h"
#include "memory.h"

/* Visit the entries of a whole page; *go_on false if the visitor has enough. */
static StoreResult
visit_entries(const ListPage *page, const char *prefix, EntryVisitor visitor, void *argument,
			  size_t *count, bool *go_on)
{
	size_t length = strlen(prefix);
	size_t i;

	for (i = 0; i < page->count && *go_on; i++)
	{
		const char *name = page->entries[i].name;

		if (strncmp(name, prefix, length) != 0)
			return store_failure(STORE_FAILED, NULL,
								 "the listing has names that were not asked for");
		/* The prefix alone: what some programs put down as a "directory". */
		if (name[length] == '\0')
			continue;
		(*count)++;
		*go_on = visitor(name + length, &page->entries[i], argument);
	}
	return store_ok();
}

/*
 * Visit what begins with a key, by the names that follow it; `one_level`: only
 * up to the next slash.  A page is visited once it is whole.
 */
static StoreResult
list_entries(BucketStorage *bucket, const char *prefix, bool one_level, EntryVisitor visitor,
			 void *argument, size_t *count)
{
	StoreResult result;
	char *token = NULL;
	bool go_on = true;

	if (bucket->history != NULL)
		return bucket_history_visit(bucket, prefix, one_level, visitor, argument, count);
	*count = 0;
	do
	{
		ListPage page;

		result = list_page_get(bucket->session, bucket->dialect->list, prefix, one_level, token,
							   NULL, &page);
		if (result.code == STORE_OK)
			result = visit_entries(&page, prefix, visitor, argument, count, &go_on);
		go_on = go_on && page.truncated;
		if (result.code == STORE_OK && go_on && token != NULL && strcmp(token, page.next) == 0)
			result = store_failure(STORE_FAILED, NULL, "the listing does not go on");
		free(token);
		token = go_on ? xstrdup(page.next) : NULL;
		list_page_free(&page);
	} while (result.code == STORE_OK && go_on);
	free(token);
	return result;
}

/* What a directory's entries begin with, whether its path ends in a slash or not; caller frees. */
static char *
directory_key(const BucketStorage *bucket, const char *path)
{
	size_t length = strlen(path);

	if (strcmp(path, ".") == 0)
		return xstrdup(bucket->prefix);
	return xasprintf("%s%s%s", bucket->prefix, path, path[length - 1] == '/' ? "" : "/");
}

typedef struct NameVisit
{
	StorageVisitor visitor;
	void *argument;
} NameVisit;

static bool
visit_name(const char *name, const ListEntry *of, void *argument)
{
	const NameVisit *visit = argument;

	(void) of;
	return visit->visitor(name, visit->argument);
}

StoreResult
bucket_list(Storage *storage, const char *path, StorageVisitor visitor, void *argument)
{
	BucketStorage *bucket = (BucketStorage *) storage;
	NameVisit visit = {visitor, argument};
	char *prefix = directory_key(bucket, path);
	size_t count;
	StoreResult result = list_entries(bucket, prefix, true, visit_name, &visit, &count);

	free(prefix);
	if (result.code == STORE_OK && count == 0 && strcmp(path, ".") != 0)
		return store_failure(STORE_ABSENT, NULL, "nothing is there");
	return result;
}

/* Are all directories on the way to a file wanted, and the file? */
static bool
is_wanted(const FileListing *listing, const char *name)
{
	const char *slash;

	for (slash = strchr(name, '/'); slash != NULL; slash = strchr(slash + 1, '/'))
	{
		char *directory = xasprintf("%.*s", (int) (slash + 1 - name), name);
		bool wanted = listing->wanted(directory, listing->argument);

		free(directory);
		if (!wanted)
			return false;
	}
	return listing->wanted(name, listing->argument);
}

static bool
visit_file(const char *name, const ListEntry *of, void *argument)
{
	const FileListing *listing = argument;
	const StoreEntry entry = {
		.name = name, .bytes = of->bytes, .age = of->age, .readable = true, .version = of->version};

	if (name[strlen(name) - 1] != '/' && is_wanted(listing, name))
		listing->visit(&entry, listing->argument);
	return true;
}

StoreResult
bucket_list_files(Storage *storage, const char *path, const FileListing *listing)
{
	BucketStorage *bucket = (BucketStorage *) storage;
	char *prefix = directory_key(bucket, path);
	size_t count;
	StoreResult result = list_entries(bucket, prefix, false, visit_file, (void *) listing, &count);

	free(prefix);
	if (result.code == STORE_OK && count == 0 && strcmp(path, ".") != 0)
		return store_failure(STORE_ABSENT, NULL, "nothing is there");
	return result;
}

typedef struct PathVisit
{
	const char *prefix;
	LeaseVisitor visitor;
	void *argument;
} PathVisit;

static bool
visit_path(const char *name, const ListEntry *of, void *argument)
{
	const PathVisit *visit = argument;
	char *path = xasprintf("%s%s", visit->prefix, name);
	bool go_on = visit->visitor(visit->argument, path);

	(void) of;
	free(path);
	return go_on;
}

StoreResult
bucket_list_paths(BucketStorage *bucket, const char *prefix, LeaseVisitor visitor, void *argument)
{
	PathVisit visit = {prefix, visitor, argument};
	char *key = xasprintf("%s%s", bucket->prefix, prefix);
	size_t count;
	StoreResult result = list_entries(bucket, key, false, visit_path, &visit, &count);

	free(key);
	return result;
}
