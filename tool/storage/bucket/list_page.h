/*-------------------------------------------------------------------------
 *
 * list_page.h
 *	  A page of a listing, as a server answers it.
 *
 * Names are asked for encoded as in a URL where that can be had, since XML
 * cannot hold all of them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_LIST_PAGE_H
#define NEX_LIST_PAGE_H

#include "bucket_dialect.h"
#include "storage.h"

/* An object, or a common beginning of several: that ends in a slash. */
typedef struct ListEntry
{
	char *name;
	uint64_t bytes;
	double age;                       /* negative: not known */
	double modified;                  /* seconds since 1970; negative: not known */
	char version[STORE_VERSION_SIZE]; /* as with a GET, but maybe without quotes; "": not known */
	bool numbered;                    /* it is the number of a generation */
	bool directory;                   /* that the provider has made an object of its own */
	char *version_id;                 /* in a listing of versions, of what is no directory */
	bool removal;                     /* … of no object, but of one that was removed */
} ListEntry;

/* What is done with each entry: its name behind the prefix.  False: no more. */
typedef bool (*EntryVisitor)(const char *name, const ListEntry *entry, void *argument);

typedef struct ListPage
{
	ListEntry *entries;
	size_t count;
	char *next; /* token of the page after this one; NULL: there is none */
	char *second_next;
	bool truncated;
} ListPage;

/* Read one.  False with *problem (to be freed), and then there is no page to be freed. */
extern bool list_page_read(const ListWords *words, const HttpAnswer *answer, ListPage *page,
						   char **problem);
/*
 * Ask for a page of the keys that begin so, up to the next slash if `one_level`.
 * The tokens are those of the page before, or NULL.
 */
extern StoreResult list_page_get(BucketSession *session, const ListWords *words, const char *prefix,
								 bool one_level, const char *token, const char *second_token,
								 ListPage *page);

extern void list_page_free(ListPage *page);

#endif /* NEX_LIST_PAGE_H */
