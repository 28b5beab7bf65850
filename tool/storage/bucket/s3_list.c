/*-------------------------------------------------------------------------
 *
 * s3_list.c
 *	  List objects of a bucket, page by page.
 *
 * Names are asked for encoded as in a URL, since XML cannot hold all of them.
 *
 *-------------------------------------------------------------------------
 */
#include "s3_storage.h"

#include <stdlib.h>
#include <string.h>

#include "memory.h"
#include "xml_answer.h"

#define MAX_PARAMETERS 5

/* An object, or a common beginning of several: that ends in a slash. */
typedef struct Entry
{
	char *name;
	uint64_t bytes;
	double age;
} Entry;

/* One page, as it is read. */
typedef struct Page
{
	bool encoded; /* names are as in a URL */
	Entry *entries;
	size_t count;
	Entry now;  /* being read */
	char *next; /* token of the page after this one; NULL: there is none */
	bool truncated;
} Page;

/* A page, and the answer that it is read from. */
typedef struct PageReader
{
	Page *page;
	const HttpAnswer *answer;
} PageReader;

static void
add_entry(Page *page)
{
	if (page->now.name == NULL)
		return;
	if ((page->count & (page->count - 1)) == 0)
		page->entries =
			xrealloc(page->entries, (page->count == 0 ? 1 : 2 * page->count) * sizeof(Entry));
	page->entries[page->count++] = page->now;
	memset(&page->now, 0, sizeof(page->now));
}

static void
set_text(char **text, const char *value)
{
	free(*text);
	*text = xstrdup(value);
}

static bool
visit_page(void *argument, const char *path, const char *text)
{
	const PageReader *reader = argument;
	Page *page = reader->page;
	char *end;

	if (strcmp(path, "ListBucketResult/Contents/Key") == 0 ||
		strcmp(path, "ListBucketResult/CommonPrefixes/Prefix") == 0)
		set_text(&page->now.name, text);
	else if (strcmp(path, "ListBucketResult/Contents/Size") == 0)
	{
		page->now.bytes = strtoull(text, &end, 10);
		return end != text && *end == '\0';
	}
	else if (strcmp(path, "ListBucketResult/Contents/LastModified") == 0)
		page->now.age = s3_age(reader->answer, text);
	else if (strcmp(path, "ListBucketResult/Contents") == 0 ||
			 strcmp(path, "ListBucketResult/CommonPrefixes") == 0)
		add_entry(page);
	else if (strcmp(path, "ListBucketResult/EncodingType") == 0)
		page->encoded = strcmp(text, "url") == 0;
	else if (strcmp(path, "ListBucketResult/IsTruncated") == 0)
		page->truncated = strcmp(text, "true") == 0;
	else if (strcmp(path, "ListBucketResult/NextContinuationToken") == 0)
		set_text(&page->next, text);
	return true;
}

static void
page_free(Page *page)
{
	size_t i;

	for (i = 0; i < page->count; i++)
		free(page->entries[i].name);
	free(page->entries);
	free(page->now.name);
	free(page->next);
	memset(page, 0, sizeof(*page));
}

static int
hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* Decode in place; false if it is not encoded well, or holds a NUL. */
static bool
url_decode(char *text)
{
	char *to = text;

	for (; *text != '\0'; text++, to++)
	{
		if (*text == '+')
			*to = ' ';
		else if (*text != '%')
			*to = *text;
		else
		{
			int high = hex_value(text[1]);
			int low = high >= 0 ? hex_value(text[2]) : -1;

			if (low < 0 || high * 16 + low == 0)
				return false;
			*to = (char) (high * 16 + low);
			text += 2;
		}
	}
	*to = '\0';
	return true;
}

/* What is done with each entry: its name behind the prefix.  False: no more. */
typedef bool (*EntryVisitor)(const char *name, const Entry *entry, void *argument);

/* Visit the entries of a whole page; *go_on false if the visitor has enough. */
static StoreResult
visit_entries(Page *page, const char *prefix, EntryVisitor visitor, void *argument, size_t *count,
			  bool *go_on)
{
	size_t length = strlen(prefix);
	size_t i;

	for (i = 0; i < page->count && *go_on; i++)
	{
		char *name = page->entries[i].name;

		if (page->encoded && !url_decode(name))
			return store_failure(STORE_FAILED, NULL, "a name in the listing cannot be decoded");
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

/* Ask for a page; `token` is that of the page before, or NULL. */
static StoreResult
get_page(S3Session *session, const char *prefix, bool one_level, const char *token, Page *page)
{
	SigPair query[MAX_PARAMETERS];
	S3Request request = {.method = "GET", .key = "", .query = query, .root = "ListBucketResult"};
	StoreResult result;
	char *problem = NULL;
	S3Reply reply;
	PageReader reader = {page, &reply.answer};

	query[request.query_count++] = (SigPair){"list-type", "2"};
	query[request.query_count++] = (SigPair){"encoding-type", "url"};
	query[request.query_count++] = (SigPair){"prefix", prefix};
	if (one_level)
		query[request.query_count++] = (SigPair){"delimiter", "/"};
	if (token != NULL)
		query[request.query_count++] = (SigPair){"continuation-token", token};

	memset(page, 0, sizeof(*page));
	s3_reply_init(&reply);
	s3_send(session, &request, &reply);
	result = reply.result;
	if (result.code == STORE_OK &&
		!xml_answer_read(reply.answer.body.data, reply.answer.body.length, "ListBucketResult",
						 visit_page, &reader, &problem))
		result = store_failure(STORE_FAILED, NULL, "the listing cannot be read: %s", problem);
	if (result.code == STORE_OK && page->truncated && page->next == NULL)
		result = store_failure(STORE_FAILED, NULL, "the listing does not say how to go on");
	free(problem);
	s3_reply_free(&reply);
	return result;
}

/*
 * Visit what begins with a key, by the names that follow it; `one_level`: only
 * up to the next slash.  A page is visited once it is whole.
 */
static StoreResult
list_entries(S3Storage *s3, const char *prefix, bool one_level, EntryVisitor visitor,
			 void *argument, size_t *count)
{
	StoreResult result;
	char *token = NULL;
	bool go_on = true;

	*count = 0;
	do
	{
		Page page;

		result = get_page(s3->session, prefix, one_level, token, &page);
		if (result.code == STORE_OK)
			result = visit_entries(&page, prefix, visitor, argument, count, &go_on);
		go_on = go_on && page.truncated;
		if (result.code == STORE_OK && go_on && token != NULL && strcmp(token, page.next) == 0)
			result = store_failure(STORE_FAILED, NULL, "the listing does not go on");
		free(token);
		token = go_on ? xstrdup(page.next) : NULL;
		page_free(&page);
	} while (result.code == STORE_OK && go_on);
	free(token);
	return result;
}

/* What a directory's entries begin with, whether its path ends in a slash or not; caller frees. */
static char *
directory_key(const S3Storage *s3, const char *path)
{
	size_t length = strlen(path);

	if (strcmp(path, ".") == 0)
		return xstrdup(s3->prefix);
	return xasprintf("%s%s%s", s3->prefix, path, path[length - 1] == '/' ? "" : "/");
}

typedef struct NameVisit
{
	StorageVisitor visitor;
	void *argument;
} NameVisit;

static bool
visit_name(const char *name, const Entry *of, void *argument)
{
	const NameVisit *visit = argument;

	(void) of;
	return visit->visitor(name, visit->argument);
}

StoreResult
s3_list(Storage *storage, const char *path, StorageVisitor visitor, void *argument)
{
	S3Storage *s3 = (S3Storage *) storage;
	NameVisit visit = {visitor, argument};
	char *prefix = directory_key(s3, path);
	size_t count;
	StoreResult result = list_entries(s3, prefix, true, visit_name, &visit, &count);

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
visit_file(const char *name, const Entry *of, void *argument)
{
	const FileListing *listing = argument;
	const StoreEntry entry = {.name = name, .bytes = of->bytes, .age = of->age, .readable = true};

	if (name[strlen(name) - 1] != '/' && is_wanted(listing, name))
		listing->visit(&entry, listing->argument);
	return true;
}

StoreResult
s3_list_files(Storage *storage, const char *path, const FileListing *listing)
{
	S3Storage *s3 = (S3Storage *) storage;
	char *prefix = directory_key(s3, path);
	size_t count;
	StoreResult result = list_entries(s3, prefix, false, visit_file, (void *) listing, &count);

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
visit_path(const char *name, const Entry *of, void *argument)
{
	const PathVisit *visit = argument;
	char *path = xasprintf("%s%s", visit->prefix, name);
	bool go_on = visit->visitor(visit->argument, path);

	(void) of;
	free(path);
	return go_on;
}

StoreResult
s3_list_paths(S3Storage *s3, const char *prefix, LeaseVisitor visitor, void *argument)
{
	PathVisit visit = {prefix, visitor, argument};
	char *key = xasprintf("%s%s", s3->prefix, prefix);
	size_t count;
	StoreResult result = list_entries(s3, key, false, visit_path, &visit, &count);

	free(key);
	return result;
}
