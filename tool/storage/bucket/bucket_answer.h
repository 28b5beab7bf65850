/*-------------------------------------------------------------------------
 *
 * bucket_answer.h
 *	  What an answer of an object store means: what has become of the
 *	  operation, and what has to be put right before the request is sent
 *	  again.
 *
 * The code in the body decides, not the status: 400 may be a time-out, and 200
 * an error.  Which codes there are, a table of the driver says; what a status
 * means without a code is the same for all.
 *
 * What is in a bucket only the store can know, but proxies and load balancers
 * answer as well, with 404 while the store is restarted, or with a page of their
 * own and 200.  So that something is absent, or there, or stored, is believed
 * only by what the store alone puts into an answer.  What has no such sign may
 * have been done, or not, and is sent again.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_BUCKET_ANSWER_H
#define NEX_BUCKET_ANSWER_H

#include "http.h"
#include "store_result.h"

/* What helps, once, if the request is sent again at once. */
typedef enum Remedy
{
	NO_REMEDY,
	RENEW_CREDENTIALS, /* the token has expired */
	SET_CLOCK,         /* our clock differs from the server's */
	CLOCK_OR_TOKEN,    /* one of these, if it can be */
	CHANGE_REGION      /* the bucket is in another region, which the answer names */
} Remedy;

typedef struct ErrorMeaning
{
	const char *name; /* of the error, in the element Code */
	StoreCode code;
	Remedy remedy;
	const char *hint;
} ErrorMeaning;

/* The errors of a provider, and the headers that say more of them; NULL: there is no such one. */
typedef struct ErrorTable
{
	const ErrorMeaning *meanings;
	size_t count;
	const char *code_header; /* the code once more, where there is no body */
	const char *request_header;
	const char *region_header;
} ErrorTable;

#define RIGHTS_HINT "Grant these credentials the right to do that, for this bucket and prefix."

typedef struct BucketVerdict
{
	StoreResult result;
	Remedy remedy;
	long wait_seconds; /* the server asks for so long a pause; 0: does not say */
	char region[64];   /* for CHANGE_REGION */
} BucketVerdict;

/* By what a good answer is known as the store's. */
typedef struct StoreSign
{
	const char *root;   /* its body is XML with this root element; NULL: it has no body */
	const char *header; /* it has this header; NULL: any will do */
} StoreSign;

/* `operation` is for the text: "GET objects/ab/cdef". */
extern BucketVerdict bucket_judge(const ErrorTable *table, const char *operation,
								  const StoreSign *sign, HttpOutcome outcome,
								  const HttpAnswer *answer);

/*
 * Seconds from a time that the server names to its own time of this answer, so
 * that no clock of ours counts; 0 if it is later, -1 if one of them is missing.
 */
extern double answer_age(const HttpAnswer *answer, const char *time);

/* A time that a server names, in seconds since 1970; -1 if it is none, or NULL. */
extern double answer_time(const char *text);

#endif /* NEX_BUCKET_ANSWER_H */
