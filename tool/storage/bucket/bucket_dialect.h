/*-------------------------------------------------------------------------
 *
 * bucket_dialect.h
 *	  What the providers of buckets do differently: how a request is signed,
 *	  what a listing is called, which errors there are.
 *
 * A driver is one table of these, and a source of keys.  What is the same for
 * all of them is in this folder, and there is one of it: when a request is
 * sent again, pages of listings, pieces of objects, conditions, leases.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_BUCKET_DIALECT_H
#define NEX_BUCKET_DIALECT_H

#include <time.h>

#include "access_keys.h"
#include "bucket_answer.h"
#include "http.h"
#include "lease.h"
#include "store_result.h"

/* Where a bucket is. */
typedef struct BucketAddress
{
	const char *scheme;    /* "https" */
	const char *authority; /* "host:port"; NULL: the provider's own server */
	const char *account;   /* of Azure, whose names of buckets are an account's own; else NULL */
	const char *bucket;
	bool name_in_host;  /* https://bucket.host/key, not https://host/bucket/key (Azure: account) */
	const char *region; /* where the bucket is, as far as known; NULL: it has none */
} BucketAddress;

typedef struct BucketRequest
{
	const char *method;
	const char *key; /* not encoded; "" for the bucket */
	const HttpPair *query;
	size_t query_count;
	const HttpPair *headers; /* besides those of every request: in lower case; all are signed */
	size_t header_count;
	const void *body;
	size_t body_length;
	const char *body_sha256; /* NULL: it is computed where it is needed */
	StoreSign sign;          /* of a good answer, besides the content of an object */
	HttpSink sink; /* for the content of an object; from its start again if it is sent again */
	void *argument;
	bool after_stop; /* see HttpRequest */
	Leases *leases;  /* what it does is right only while these are held; NULL: always */
	void (*again)(void *argument); /* forget what the sink has taken; may be NULL without a sink */
	int most_tries;                /* of what servers may not know; 0: as request_tries.h says */
} BucketRequest;

/* What one try of a request is signed with. */
typedef struct Signing
{
	AccessKeys keys;
	const char *region;
	time_t now; /* by the server's clock */
} Signing;

#define WIRE_HEADERS 20

/* A request as it is sent. */
typedef struct WireRequest
{
	char *origin; /* "https://host:port" */
	Buffer target;
	HttpPair headers[WIRE_HEADERS]; /* values are owned */
	size_t header_count;
} WireRequest;

extern void wire_init(WireRequest *wire);
extern void wire_free(WireRequest *wire);

/* Add a header; its name must live as long, the value is copied. */
extern void wire_add(WireRequest *wire, const char *name, const char *value);

/* Add the headers that a request brings along. */
extern void wire_add_all(WireRequest *wire, const BucketRequest *request);

/* What the parts of a listing are called; paths are from the root of the answer. */
typedef struct ListWords
{
	const HttpPair *query; /* of every page */
	size_t query_count;
	const char *token; /* the parameter that asks for the next page */
	const char *root;
	const char *object; /* each of them has: */
	const char *name;
	const char *bytes;
	const char *modified;
	const char *version;
	const char *generation; /* Google's version, where there is one; NULL: never */
	const char *kind;       /* "directory": it is none; NULL: there are no such ones */
	const char *directory;
	const char *directory_name;
	const char *truncated; /* "true": there is a next page; NULL: there is one if it is named */
	const char *next;

	/* Of a listing of versions, else NULL: */
	const char *version_id;
	const char *removal;      /* an element as `object`: from then on there was none */
	const char *second_token; /* the page after the next one is asked for by two of them */
	const char *second_next;
	const char *encoding; /* "url": names are as in a URL; NULL: never */
} ListWords;

#define FILE_LOCK_TIME 32

/* How files are locked against removal: the headers of a PUT, and how that is asked for later. */
typedef struct FileLockWords
{
	const char *mode; /* the header */
	const char *until;
	const char *modes[2]; /* its values; the second one: firmly (storage.h) */
	void (*time_text)(time_t when, char text[FILE_LOCK_TIME]);
	HttpPair query;        /* that sets the lock of an object, and asks for it */
	bool xml;              /* its answer has it; else HEAD asks, and it is set by these headers */
	HttpPair bucket_query; /* that asks whether the bucket has such locks; NULL: nothing does */
	const char *sign;      /* a header of each answer */
} FileLockWords;

typedef struct BucketSession BucketSession;

typedef struct BucketDialect
{
	const char *scheme; /* of locations: "s3" */

	/* Make a request ready to be sent; false if OpenSSL refuses. */
	bool (*sign)(const BucketAddress *address, const BucketRequest *request, const Signing *signing,
				 WireRequest *wire);
	const ErrorTable *errors;
	const ListWords *list;
	const char *version;   /* the header that says which version of an object it is: a sign */
	HttpPair only_new;     /* the condition that nothing is there */
	const char *only_this; /* the header for the condition that this version is there */
	bool md5;              /* nothing else lets the server see that a body was changed on the way */
	const FileLockWords *lock;
	const char *old_version;   /* the header that is there if the bucket keeps older versions */
	const ListWords *versions; /* a listing of these; NULL: none that is known here */

	/*
	 * Remove many at once, while the leases are held: a result for each, if the result is good;
	 * these versions of them, if that is not NULL.  NULL: they are removed one by one, many at
	 * the same time.
	 */
	StoreResult (*remove_batch)(BucketSession *session, Leases *leases, char *const *keys,
								char *const *versions, size_t count, StoreResult *results);
} BucketDialect;

#endif /* NEX_BUCKET_DIALECT_H */
