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

#include "memory.h"
#include "url_text.h"
#include "xml_answer.h"

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

static bool
visit_page(void *argument, const char *path, const char *text)
{
	PageReader *reader = argument;
	ListPage *page = reader->page;
	const ListWords *words = reader->words;
	char *end;

	if (is_element(path, words->name) || is_element(path, words->directory_name))
		set_text(&reader->now.name, text);
	else if (is_element(path, words->bytes))
	{
		reader->now.bytes = strtoull(text, &end, 10);
		return end != text && *end == '\0';
	}
	else if (is_element(path, words->modified))
		reader->now.age = answer_age(reader->answer, text);
	else if (is_element(path, words->version) || is_element(path, words->generation))
		set_version(&reader->now, text, is_element(path, words->generation));
	else if (is_element(path, words->kind))
		reader->now.directory = strcmp(text, "directory") == 0;
	else if (is_element(path, words->object) || is_element(path, words->directory))
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
	return true;
}

void
list_page_free(ListPage *page)
{
	size_t i;

	for (i = 0; i < page->count; i++)
		free(page->entries[i].name);
	free(page->entries);
	free(page->next);
	memset(page, 0, sizeof(*page));
}

static bool
decode_names(ListPage *page, char **problem)
{
	size_t i;

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
		   (!reader.encoded || decode_names(page, problem));
	if (good && page->truncated && page->next == NULL)
	{
		*problem = xstrdup("it does not say how to go on");
		good = false;
	}
	free(reader.now.name);
	if (!good)
		list_page_free(page);
	return good;
}
