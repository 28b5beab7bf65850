/*-------------------------------------------------------------------------
 *
 * age_result.h
 *	  What came of reading or writing an age file.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_AGE_RESULT_H
#define NEX_AGE_RESULT_H

typedef enum AgeResult
{
	AGE_OK,
	AGE_BAD_HEADER,  /* not an age file, or its header breaks a rule */
	AGE_NO_MATCH,    /* no identity opens it */
	AGE_BAD_MAC,     /* an identity does, but the header was changed */
	AGE_BAD_PAYLOAD, /* changed or cut off */
	AGE_SINK_FAILED, /* the sink said no */
	AGE_UNABLE       /* OpenSSL refuses */
} AgeResult;

#endif /* NEX_AGE_RESULT_H */
