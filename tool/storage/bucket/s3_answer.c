/*-------------------------------------------------------------------------
 *
 * s3_answer.c
 *	  What an answer of an object store means.
 *
 *-------------------------------------------------------------------------
 */
#include "s3_answer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "memory.h"
#include "quote.h"
#include "xml_answer.h"

#define LONGEST_WAIT 120 /* seconds; a server that asks for more is asked again after these */

typedef struct ErrorMeaning
{
	const char *name; /* of the error, in the element Code */
	StoreCode code;
	S3Remedy remedy;
	const char *hint;
} ErrorMeaning;

#define RIGHTS "Grant these credentials the right to do that, for this bucket and prefix."

static const ErrorMeaning meanings[] = {
	{"NoSuchKey", STORE_ABSENT, S3_NO_REMEDY, NULL},
	{"NoSuchVersion", STORE_ABSENT, S3_NO_REMEDY, NULL},
	{"NoSuchBucket", STORE_FAILED, S3_NO_REMEDY,
	 "Create the bucket, or correct its name; nex_backup creates none."},
	{"PreconditionFailed", STORE_EXISTS, S3_NO_REMEDY, NULL},
	{"ConditionalRequestConflict", STORE_BUSY, S3_NO_REMEDY, NULL},
	{"OperationAborted", STORE_BUSY, S3_NO_REMEDY, NULL},
	{"SlowDown", STORE_BUSY, S3_NO_REMEDY, NULL},
	{"ServiceUnavailable", STORE_BUSY, S3_NO_REMEDY, NULL},
	{"ServerBusy", STORE_BUSY, S3_NO_REMEDY, NULL},
	{"TooManyRequests", STORE_BUSY, S3_NO_REMEDY, NULL},
	{"RequestTimeout", STORE_UNKNOWN_OUTCOME, S3_NO_REMEDY, NULL},
	{"InternalError", STORE_UNKNOWN_OUTCOME, S3_NO_REMEDY, NULL},
	/* What arrived is not what was signed: something on the way has changed it. */
	{"XAmzContentSHA256Mismatch", STORE_UNREACHABLE, S3_NO_REMEDY, NULL},
	{"BadDigest", STORE_UNREACHABLE, S3_NO_REMEDY, NULL},
	{"IncompleteBody", STORE_UNREACHABLE, S3_NO_REMEDY, NULL},
	{"ExpiredToken", STORE_DENIED, S3_RENEW_CREDENTIALS, "The credentials have expired."},
	{"TokenRefreshRequired", STORE_DENIED, S3_RENEW_CREDENTIALS, "The credentials have expired."},
	{"InvalidToken", STORE_DENIED, S3_RENEW_CREDENTIALS, "The session token is not valid."},
	{"RequestTimeTooSkewed", STORE_DENIED, S3_SET_CLOCK, "Set the clock of this machine."},
	{"AuthorizationHeaderMalformed", STORE_DENIED, S3_CHANGE_REGION, "Check the region."},
	{"PermanentRedirect", STORE_DENIED, S3_CHANGE_REGION, "Check the region and the endpoint."},
	{"TemporaryRedirect", STORE_DENIED, S3_CHANGE_REGION, "Check the region and the endpoint."},
	{"AccessDenied", STORE_DENIED, S3_NO_REMEDY, RIGHTS},
	{"SignatureDoesNotMatch", STORE_DENIED, S3_NO_REMEDY, "Check the secret key."},
	{"InvalidAccessKeyId", STORE_DENIED, S3_NO_REMEDY, "Check the access key."},
	{"AccountProblem", STORE_DENIED, S3_NO_REMEDY, NULL},
	{"InvalidObjectState", STORE_DENIED, S3_NO_REMEDY,
	 "The object is in an archive class; have it restored to a class that can be read."},
	{"QuotaExceeded", STORE_FULL, S3_NO_REMEDY, NULL},
	{"InsufficientStorage", STORE_FULL, S3_NO_REMEDY, NULL},
	{"EntityTooLarge", STORE_FULL, S3_NO_REMEDY, NULL},
	{"NotImplemented", STORE_UNSUPPORTED, S3_NO_REMEDY, NULL},
	{"InvalidRange", STORE_DAMAGED, S3_NO_REMEDY, NULL},
};

/* Answers without a code, such as all to HEAD, and those of proxies. */
static const struct
{
	int status;
	ErrorMeaning meaning;
} statuses[] = {
	{301, {"moved", STORE_DENIED, S3_CHANGE_REGION, "Check the region and the endpoint."}},
	{307, {"moved", STORE_DENIED, S3_CHANGE_REGION, "Check the region and the endpoint."}},
	{401, {"not authorized", STORE_DENIED, S3_NO_REMEDY, RIGHTS}},
	{403, {"forbidden", STORE_DENIED, S3_NO_REMEDY, RIGHTS}},
	{404, {"not found", STORE_ABSENT, S3_NO_REMEDY, NULL}},
	{407, {"the proxy wants credentials", STORE_UNREACHABLE, S3_NO_REMEDY, "Check the proxy."}},
	{408, {"time-out", STORE_UNKNOWN_OUTCOME, S3_NO_REMEDY, NULL}},
	{409, {"conflict", STORE_BUSY, S3_NO_REMEDY, NULL}},
	{412, {"precondition failed", STORE_EXISTS, S3_NO_REMEDY, NULL}},
	{416, {"not so long", STORE_DAMAGED, S3_NO_REMEDY, NULL}},
	{429, {"too many requests", STORE_BUSY, S3_NO_REMEDY, NULL}},
	{500, {"internal error", STORE_UNKNOWN_OUTCOME, S3_NO_REMEDY, NULL}},
	{501, {"not implemented", STORE_UNSUPPORTED, S3_NO_REMEDY, NULL}},
	{502, {"bad gateway", STORE_UNKNOWN_OUTCOME, S3_NO_REMEDY, NULL}},
	{503, {"service unavailable", STORE_BUSY, S3_NO_REMEDY, NULL}},
	{504, {"gateway time-out", STORE_UNKNOWN_OUTCOME, S3_NO_REMEDY, NULL}},
	{507, {"insufficient storage", STORE_FULL, S3_NO_REMEDY, NULL}},
};

static const ErrorMeaning unheard_of = {"unexpected answer", STORE_FAILED, S3_NO_REMEDY, NULL};

/* What is in the body of an error. */
typedef struct ErrorBody
{
	char *code;
	char *message;
	char *region;
	char *request;
} ErrorBody;

static void
set_text(char **text, const char *value)
{
	free(*text);
	*text = printable_name(value);
}

static bool
visit_error(void *argument, const char *path, const char *text)
{
	ErrorBody *body = argument;

	if (strcmp(path, "Error/Code") == 0)
		set_text(&body->code, text);
	else if (strcmp(path, "Error/Message") == 0)
		set_text(&body->message, text);
	else if (strcmp(path, "Error/Region") == 0)
		set_text(&body->region, text);
	else if (strcmp(path, "Error/RequestId") == 0)
		set_text(&body->request, text);
	return true;
}

static void
error_body_free(ErrorBody *body)
{
	free(body->code);
	free(body->message);
	free(body->region);
	free(body->request);
}

/* What is not an error in XML leaves all empty; the status has to do, then. */
static void
read_error(const HttpAnswer *answer, ErrorBody *body)
{
	const char *request = http_header(answer, "x-amz-request-id");
	const char *region = http_header(answer, "x-amz-bucket-region");
	char *problem = NULL;

	memset(body, 0, sizeof(*body));
	if (answer->body.length > 0 && !xml_answer_read(answer->body.data, answer->body.length, "Error",
													visit_error, body, &problem))
	{
		error_body_free(body);
		memset(body, 0, sizeof(*body));
	}
	free(problem);
	if (body->request == NULL && request != NULL)
		set_text(&body->request, request);
	if (body->region == NULL && region != NULL)
		set_text(&body->region, region);
}

static const ErrorMeaning *
meaning_of(int status, const char *code)
{
	size_t i;

	for (i = 0; code != NULL && i < sizeof(meanings) / sizeof(meanings[0]); i++)
	{
		if (strcmp(meanings[i].name, code) == 0)
			return &meanings[i];
	}
	for (i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++)
	{
		if (statuses[i].status == status)
			return &statuses[i].meaning;
	}
	return &unheard_of;
}

static long
wait_of(const HttpAnswer *answer)
{
	const char *text = http_header(answer, "retry-after");
	long seconds = text != NULL ? strtol(text, NULL, 10) : 0;

	return seconds < 0 ? 0 : seconds > LONGEST_WAIT ? LONGEST_WAIT : seconds;
}

/* A region becomes a part of what is signed, and of the address. */
static bool
is_region(const char *text, size_t size)
{
	return text != NULL && text[0] != '\0' && strlen(text) < size &&
		   text[strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-")] == '\0';
}

static S3Verdict
judge_refusal(const char *operation, const HttpAnswer *answer)
{
	S3Verdict verdict = {.remedy = S3_NO_REMEDY};
	const ErrorMeaning *meaning;
	ErrorBody body;

	read_error(answer, &body);
	meaning = meaning_of(answer->status, body.code);
	verdict.remedy = meaning->remedy;
	verdict.wait_seconds = wait_of(answer);
	if (verdict.remedy == S3_CHANGE_REGION)
	{
		if (is_region(body.region, sizeof(verdict.region)))
			memcpy(verdict.region, body.region, strlen(body.region) + 1);
		else
			verdict.remedy = S3_NO_REMEDY;
	}
	verdict.result = store_failure(
		meaning->code, meaning->hint, "%s: %d %s%s%s%s%s%s", operation, answer->status,
		body.code != NULL ? body.code : meaning->name, body.message != NULL ? ": " : "",
		body.message != NULL ? body.message : "", body.request != NULL ? " (request " : "",
		body.request != NULL ? body.request : "", body.request != NULL ? ")" : "");
	error_body_free(&body);
	return verdict;
}

static bool
visit_nothing(void *argument, const char *path, const char *text)
{
	(void) argument;
	(void) path;
	(void) text;
	return true;
}

/* "200 OK" is good only with the body that belongs to it: an error may come with it. */
static S3Verdict
judge_success(const char *operation, const char *root, const HttpAnswer *answer)
{
	S3Verdict verdict = {.result = store_ok()};
	char *problem = NULL;

	if (root == NULL)
	{
		if (answer->body.length > 0 && strstr(answer->body.data, "<Error") != NULL)
			return judge_refusal(operation, answer);
		return verdict;
	}
	if (!xml_answer_read(answer->body.data != NULL ? answer->body.data : "", answer->body.length,
						 root, visit_nothing, NULL, &problem))
	{
		verdict = judge_refusal(operation, answer);
		if (verdict.result.code == STORE_FAILED && verdict.remedy == S3_NO_REMEDY)
			verdict.result = store_failure(STORE_UNKNOWN_OUTCOME, NULL,
										   "%s: the answer cannot be used: %s", operation, problem);
	}
	free(problem);
	return verdict;
}

S3Verdict
s3_judge(const char *operation, const char *root, HttpOutcome outcome, const HttpAnswer *answer)
{
	S3Verdict verdict = {.remedy = S3_NO_REMEDY};
	StoreCode code = STORE_UNKNOWN_OUTCOME;

	switch (outcome)
	{
		case HTTP_ANSWERED:
			return answer->status >= 200 && answer->status <= 299
					   ? judge_success(operation, root, answer)
					   : judge_refusal(operation, answer);
		case HTTP_NOT_SENT:
			code = STORE_UNREACHABLE;
			break;
		case HTTP_NO_ANSWER:
			code = STORE_UNKNOWN_OUTCOME;
			break;
		case HTTP_TOO_LONG:
		case HTTP_SINK_ENDED:
		case HTTP_STOPPED:
			code = STORE_FAILED;
			break;
	}
	verdict.result = store_failure(code, NULL, "%s: %s", operation, answer->problem);
	return verdict;
}
