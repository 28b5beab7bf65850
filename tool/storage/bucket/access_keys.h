/*-------------------------------------------------------------------------
 *
 * access_keys.h
 *	  What a request to a bucket is signed with, whoever keeps the bucket, and
 *	  where it comes from.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_ACCESS_KEYS_H
#define NEX_ACCESS_KEYS_H

#include <stdbool.h>

typedef enum AccessKind
{
	ACCESS_KEY,    /* a secret key, which signs; with a token that is sent, or without */
	ACCESS_BEARER, /* a token that is sent in place of a signature */
	ACCESS_QUERY   /* a signature that somebody else has made, as parameters of the query */
} AccessKind;

/* As they are at the moment; all to be freed. */
typedef struct AccessKeys
{
	AccessKind kind;
	char *access_key; /* the name of the key; NULL if it needs none */
	char *secret_key; /* for ACCESS_KEY */
	char *token;      /* NULL: none */
	double expires;   /* seconds since 1970; 0: never */
} AccessKeys;

extern void access_keys_copy(const AccessKeys *from, AccessKeys *to);
extern void access_keys_free(AccessKeys *keys);

/* Where to look for them; repo-credentials has the words. */
typedef enum KeyPlace
{
	KEYS_CHAIN, /* the first of the others that is there */
	KEYS_FILE,
	KEYS_ENVIRONMENT,
	KEYS_WEB_IDENTITY,
	KEYS_PROFILE,
	KEYS_CONTAINER,
	KEYS_INSTANCE
} KeyPlace;

/*
 * Get the keys, new ones if `renew`.  False with *problem (to be freed).
 * Called by one thread at a time.
 */
typedef bool (*KeySource)(void *argument, bool renew, AccessKeys *keys, char **problem);

#endif /* NEX_ACCESS_KEYS_H */
