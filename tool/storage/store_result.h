/*-------------------------------------------------------------------------
 *
 * store_result.h
 *	  What has become of an operation on a storage.
 *
 * A code that is the same for a directory and a bucket says what follows; the
 * words of the system, and what helps, are for messages.  The caller, who
 * alone knows whether "absent" is a disaster or an answer, makes the message.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_STORE_RESULT_H
#define NEX_STORE_RESULT_H

#include <stdbool.h>

typedef enum StoreCode
{
	STORE_OK,
	STORE_ABSENT,      /* nothing has this name */
	STORE_EXISTS,      /* something has it, and was not to be replaced */
	STORE_CHANGED,     /* it is no longer the version that was to be replaced */
	STORE_BUSY,        /* somebody else has the lock */
	STORE_DENIED,      /* not to this user, or to nobody */
	STORE_LOCKED,      /* to nobody before a certain time */
	STORE_FULL,        /* no space, or a quota is used up */
	STORE_DAMAGED,     /* not a file, or not of a length that it can have */
	STORE_UNREACHABLE, /* could not be asked, or would not answer at this moment; says nothing about
						  the file */
	STORE_UNKNOWN_OUTCOME, /* it may have been done */
	STORE_UNSUPPORTED,     /* this storage does not do that, such as follow a symbolic link */
	STORE_FAILED           /* it was asked and reports an error, such as one of the disk */
} StoreCode;

#define STORE_TEXT_SIZE 200

typedef struct StoreResult
{
	StoreCode code;
	int tries;                  /* how often it was asked */
	double until;               /* of STORE_LOCKED: seconds since 1970; 0: not known */
	const char *hint;           /* what helps, or NULL */
	char text[STORE_TEXT_SIZE]; /* the system's words; "" if good */
} StoreResult;

extern StoreResult store_ok(void);
extern StoreResult store_failure(StoreCode code, const char *hint, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/*
 * Does it say that we may not or cannot look, and nothing about the file?  A
 * file that is missing, too short, or not a file at all is damaged: that is what
 * was found, and it will be found again.
 */
extern bool store_inaccessible(const StoreResult *result);

/*
 * If something is wrong with a file after this, is it the file, or the disk
 * below it?  What a disk cannot read is not called damaged, as another look may
 * find it good, but no backup may rest on it.
 */
extern bool store_blames_file(const StoreResult *result);

#endif /* NEX_STORE_RESULT_H */
