/*-------------------------------------------------------------------------
 *
 * finding.h
 *	  What the checks of an installation are asked, and what they find.
 *
 * Each finding has a level, a text and a remedy; whoever asks shows them, as
 * they come or in the end.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_FINDING_H
#define NEX_FINDING_H

#include "repository.h"

typedef struct Settings Settings;

typedef enum CheckStatus
{
	CHECK_OK,
	CHECK_WARNING,
	CHECK_CRITICAL
} CheckStatus;

/* The texts live as long as the call that brings them. */
typedef struct Finding
{
	CheckStatus status;
	const char *check; /* which check it is of: "free space" */
	const char *detail;
	const char *hint; /* what to do about it, or NULL */
} Finding;

typedef struct DoctorRequest
{
	const Settings *settings;
	Repository *repository; /* NULL: it could not be opened */
	bool fix;               /* remove leftovers, and write RECOVER.txt again; nothing else */
	void (*found)(const Finding *finding, void *argument);
	void *argument;
} DoctorRequest;

typedef struct DoctorResult
{
	int warnings;
	int critical;
	bool damage; /* a file is not as it was written */
} DoctorResult;

/* "ok", "warning", "critical" */
extern const char *check_status_name(CheckStatus status);

#endif /* NEX_FINDING_H */
