/*-------------------------------------------------------------------------
 *
 * list_page.c
 *	  A page of a listing.
 *
 *-------------------------------------------------------------------------
 */
#include "list_page.h"

#include <stdlib.h>
#include <string.h>

#include "bucket_session.h"
#include "memory.h"
#include "url_text.h"
#include "xml_answer.h"

#define MAX_PARAMETERS 8

/* A page, and the answer that it is read from. */
typedef struct PageReader
{
	const ListWords *words;
	const HttpAnswer *answer;
	ListPage *page;
	bool encoded; /* names are as in a URL */
	ListEntry now;
} PageReader;

/* One that is a directory only, and nothing that was ever put there, is none. */
static void
add_entry(PageReader *reader)
{
	ListPage *page = reader->page;

	if (reader->now.name == NULL || reader->now.directory)
	{
		free(reader->now.name);
		free(reader->now.version_id);
		memset(&reader->now, 0, sizeof(reader->now));
		return;
	}
	if ((page->count & (page->count - 1)) == 0)
		page->entries =
			xrealloc(page->entries, (page->count == 0 ? 1 : 2 * page->count) * sizeof(ListEntry));
	page->entries[page->count++] = reader->now;
	memset(&reader->now, 0, sizeof(reader->now));
}

static void
set_text(char **text, const char *value)
{
	free(*text);
	*text = xstrdup(value);
}

/* The number of a generation says more than a tag.  One that is too long is not known. */
static void
set_version(ListEntry *entry, const char *text, bool numbered)
{
	if (entry->numbered || strlen(text) >= sizeof(entry->version))
		return;
	memcpy(entry->version, text, strlen(text) + 1);
	entry->numbered = numbered;
}

static bool
is_element(const char *path, const char *word)
{
	return word != NULL && strcmp(path, word) == 0;
}

/* The same of an object, or of the removal of one, which has the same parts. */
static bool
is_of_object(PageReader *reader, const char *path, const char *word)
{
	const ListWords *words = reader->words;

	if (is_element(path, word))
		return true;
	if (word == NULL || words->removal == NULL ||
		strncmp(path, words->removal, strlen(words->removal)) != 0 ||
		strcmp(path + strlen(words->removal), word + strlen(words->object)) != 0)
		return false;
	reader->now.removal = true;
	return true;
}

static bool
visit_page(void *argument, const char *path, const char *text)
{
	PageReader *reader = argument;
	ListPage *page = reader->page;
	const ListWords *words = reader->words;
	char *end;

	if (is_of_object(reader, path, words->name) || is_element(path, words->directory_name))
		set_text(&reader->now.name, text);
	else if (is_element(path, words->bytes))
	{
		reader->now.bytes = strtoull(text, &end, 10);
		return end != text && *end == '\0';
	}
	else if (is_of_object(reader, path, words->modified))
	{
		reader->now.age = answer_age(reader->answer, text);
		reader->now.modified = answer_time(text);
	}
	else if (is_element(path, words->version) || is_element(path, words->generation))
		set_version(&reader->now, text, is_element(path, words->generation));
	else if (is_of_object(reader, path, words->version_id))
		set_text(&reader->now.version_id, text);
	else if (is_element(path, words->kind))
		reader->now.directory = strcmp(text, "directory") == 0;
	else if (is_of_object(reader, path, words->object) || is_element(path, words->directory))
		add_entry(reader);
	else if (is_element(path, words->encoding))
		reader->encoded = strcmp(text, "url") == 0;
	else if (is_element(path, words->truncated))
		page->truncated = strcmp(text, "true") == 0;
	else if (is_element(path, words->next) && text[0] != '\0')
	{
		set_text(&page->next, text);
		page->truncated |= words->truncated == NULL;
	}
	else if (is_element(path, words->second_next))
		set_text(&page->second_next, text);
	return true;
}

void
list_page_free(ListPage *page)
{
	size_t i;

	for (i = 0; i < page->count; i++)
	{
		free(page->entries[i].name);
		free(page->entries[i].version_id);
	}
	free(page->entries);
	free(page->next);
	free(page->second_next);
	memset(page, 0, sizeof(*page));
}

/* A token that is a name is encoded as well by some servers, and not by others. */
static void
decode_token(ListPage *page)
{
	size_t i;

	for (i = 0; i < page->count && page->next != NULL; i++)
	{
		if (strcmp(page->entries[i].name, page->next) == 0)
		{
			(void) url_decode(page->next);
			return;
		}
	}
}

static bool
decode_names(const ListWords *words, ListPage *page, char **problem)
{
	size_t i;

	if (words->second_token != NULL)
		decode_token(page);

	for (i = 0; i < page->count; i++)
	{
		if (!url_decode(page->entries[i].name))
		{
			*problem = xstrdup("one of its names cannot be decoded");
			return false;
		}
	}
	return true;
}

bool
list_page_read(const ListWords *words, const HttpAnswer *answer, ListPage *page, char **problem)
{
	PageReader reader = {.words = words, .answer = answer, .page = page};
	bool good;

	memset(page, 0, sizeof(*page));
	good = xml_answer_read(answer->body.data != NULL ? answer->body.data : "", answer->body.length,
						   words->root, visit_page, &reader, problem) &&
		   (!reader.encoded || decode_names(words, page, problem));
	if (good && page->truncated && page->next == NULL)
	{
		*problem = xstrdup("it does not say how to go on");
		good = false;
	}
	free(reader.now.name);
	free(reader.now.version_id);
	if (!good)
		list_page_free(page);
	return good;
}

StoreResult
list_page_get(BucketSession *session, const ListWords *words, const char *prefix, bool one_level,
			  const char *token, const char *second_token, ListPage *page)
{
	HttpPair query[MAX_PARAMETERS];
	BucketRequest request = {.method = "GET",
							 .key = "",
							 .query = query,
							 .query_count = words->query_count,
							 .sign = {.root = words->root}};
	StoreResult result;
	char *problem = NULL;
	BucketReply reply;

	memcpy(query, words->query, words->query_count * sizeof(HttpPair));
	query[request.query_count++] = (HttpPair){"prefix", prefix};
	if (one_level)
		query[request.query_count++] = (HttpPair){"delimiter", "/"};
	if (token != NULL)
		query[request.query_count++] = (HttpPair){words->token, token};
	if (second_token != NULL)
		query[request.query_count++] = (HttpPair){words->second_token, second_token};

	memset(page, 0, sizeof(*page));
	bucket_reply_init(&reply);
	bucket_send(session, &request, &reply);
	result = reply.result;
	/* A bucket has a listing even if nothing is in it. */
	if (result.code == STORE_ABSENT)
		result.code = STORE_FAILED;
	if (result.code == STORE_OK && !list_page_read(words, &reply.answer, page, &problem))
		result = store_failure(STORE_FAILED, NULL, "the listing cannot be read: %s", problem);
	free(problem);
	bucket_reply_free(&reply);
	return result;
}
