/*-------------------------------------------------------------------------
 *
 * bucket_list.c
 *	  List objects of a bucket, page by page.
 *
 * list_page.h reads the answers.  A page names the next one, so pages come one
 * after the other.  Where the first one ends in the directory in which it begins, there
 * are many of them, as of a million objects: then directories are listed at the same time.
 *
 *-------------------------------------------------------------------------
 */
#include "bucket_storage.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "at_once.h"
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

/* Are all names of a page in one directory? */
static bool
is_of_one_directory(const ListPage *page, const char *prefix)
{
	size_t begin = strlen(prefix);
	const char *first = page->count > 0 ? page->entries[0].name : "";
	const char *last = page->count > 0 ? page->entries[page->count - 1].name : "";
	const char *slash = strlen(first) > begin ? strchr(first + begin, '/') : NULL;

	return slash != NULL && strncmp(first, last, (size_t) (slash + 1 - first)) == 0;
}

/*
 * Visit what begins with a key, by the names that follow it; `one_level`: only
 * up to the next slash.  A page is visited once it is whole.  *large: nothing was visited, as
 * there are large directories; NULL: whatever there is.
 */
static StoreResult
list_entries(BucketStorage *bucket, const char *prefix, bool one_level, EntryVisitor visitor,
			 void *argument, size_t *count, bool *large)
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
		if (result.code == STORE_OK && large != NULL && token == NULL)
			*large = page.truncated && is_of_one_directory(&page, prefix);
		if (large != NULL && *large)
			go_on = false;
		else if (result.code == STORE_OK)
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
	StoreResult result = list_entries(bucket, prefix, true, visit_name, &visit, &count, NULL);

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

/* ---- large directories ---- */

typedef struct Split
{
	BucketStorage *bucket;
	const char *prefix;
	const FileListing *listing;
	char **directories; /* "ab/" */
	size_t count;
	pthread_mutex_t mutex; /* for what follows, and whoever visits */
	size_t files;
	StoreResult result;
} Split;

/* A file is visited at once; a directory waits. */
static bool
visit_top(const char *name, const ListEntry *of, void *argument)
{
	Split *split = argument;

	if (strchr(name, '/') == NULL)
		return visit_file(name, of, (void *) split->listing);
	if (!split->listing->wanted(name, split->listing->argument))
		return true;
	split->directories =
		xrealloc(split->directories, (split->count + 1) * sizeof(split->directories[0]));
	split->directories[split->count++] = xstrdup(name);
	return true;
}

/* A file of one of several directories that are listed. */
typedef struct Below
{
	Split *split;
	const char *directory;
} Below;

static bool
visit_below(const char *name, const ListEntry *of, void *argument)
{
	const Below *below = argument;
	char *whole = xasprintf("%s%s", below->directory, name);

	pthread_mutex_lock(&below->split->mutex);
	visit_file(whole, of, (void *) below->split->listing);
	pthread_mutex_unlock(&below->split->mutex);
	free(whole);
	return true;
}

static void
list_directory(size_t item, void *argument)
{
	Split *split = argument;
	Below below = {split, split->directories[item]};
	char *prefix = xasprintf("%s%s", split->prefix, below.directory);
	size_t count = 0;
	StoreResult result = store_ok();
	bool ended;

	pthread_mutex_lock(&split->mutex);
	ended = split->result.code != STORE_OK;
	pthread_mutex_unlock(&split->mutex);
	if (!ended)
		result = list_entries(split->bucket, prefix, false, visit_below, &below, &count, NULL);
	pthread_mutex_lock(&split->mutex);
	split->files += count;
	if (result.code != STORE_OK)
		split->result = result;
	pthread_mutex_unlock(&split->mutex);
	free(prefix);
}

static StoreResult
list_by_directories(BucketStorage *bucket, const char *prefix, const FileListing *listing,
					size_t *count)
{
	Split split = {.bucket = bucket, .prefix = prefix, .listing = listing, .result = store_ok()};

	split.result = list_entries(bucket, prefix, true, visit_top, &split, count, NULL);
	pthread_mutex_init(&split.mutex, NULL);
	at_once(split.count, BUCKET_REQUESTS, list_directory, &split);
	pthread_mutex_destroy(&split.mutex);
	*count += split.files;
	while (split.count > 0)
		free(split.directories[--split.count]);
	free(split.directories);
	return split.result;
}

StoreResult
bucket_list_files(Storage *storage, const char *path, const FileListing *listing)
{
	BucketStorage *bucket = (BucketStorage *) storage;
	char *prefix = directory_key(bucket, path);
	bool large = false;
	size_t count;
	StoreResult result =
		list_entries(bucket, prefix, false, visit_file, (void *) listing, &count, &large);

	if (result.code == STORE_OK && large)
		result = list_by_directories(bucket, prefix, listing, &count);
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
	StoreResult result = list_entries(bucket, key, false, visit_path, &visit, &count, NULL);

	free(key);
	return result;
}
