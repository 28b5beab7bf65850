/*-------------------------------------------------------------------------
 *
 * s3_answer.h
 *	  What an answer of an object store means: what has become of the
 *	  operation, and what has to be put right before the request is sent
 *	  again.
 *
 * A table of the errors that S3, its compatibles and Google's XML interface
 * report.  The code in the body decides, not the status: 400 may be a time-out,
 * and 200 an error.
 *
 * Source: "Error responses", Amazon S3 API Reference.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_S3_ANSWER_H
#define NEX_S3_ANSWER_H

#include "http.h"
#include "store_result.h"

/* What helps, once, if the request is sent again at once. */
typedef enum S3Remedy
{
	S3_NO_REMEDY,
	S3_RENEW_CREDENTIALS, /* the token has expired */
	S3_SET_CLOCK,         /* our clock differs from the server's */
	S3_CHANGE_REGION      /* the bucket is in another region, which the answer names */
} S3Remedy;

typedef struct S3Verdict
{
	StoreResult result;
	S3Remedy remedy;
	long wait_seconds; /* the server asks for so long a pause; 0: does not say */
	char region[64];   /* for S3_CHANGE_REGION */
} S3Verdict;

/*
 * `operation` is for the text: "GET objects/ab/cdef".  `root` is the root
 * element that a good answer has, NULL if its body is not XML.
 */
extern S3Verdict s3_judge(const char *operation, const char *root, HttpOutcome outcome,
						  const HttpAnswer *answer);

#endif /* NEX_S3_ANSWER_H */
