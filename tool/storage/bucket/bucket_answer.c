/*-------------------------------------------------------------------------
 *
 * bucket_answer.c
 *	  What an answer of an object store means.
 *
 *-------------------------------------------------------------------------
 */
#include "bucket_answer.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "memory.h"
#include "quote.h"
#include "utc_time.h"
#include "xml_answer.h"

#define LONGEST_WAIT 120 /* seconds; a server that asks for more is asked again after these */

/*
 * Answers without a code.  They are those of proxies and the like as well, which
 * know nothing of what is in a bucket, so they can mean that it was not asked,
 * not permitted or full, but never what is there.
 */
#define NOT_THE_STORE                                                                              \
	"Something else than the object store has answered: check the endpoint and the proxy."

static const struct
{
	int status;
	ErrorMeaning meaning;
} statuses[] = {
	{301, {"moved", STORE_DENIED, CHANGE_REGION, "Check the region and the endpoint."}},
	{307, {"moved", STORE_DENIED, CHANGE_REGION, "Check the region and the endpoint."}},
	{401, {"not authorized", STORE_DENIED, NO_REMEDY, RIGHTS_HINT}},
	{403, {"forbidden", STORE_DENIED, NO_REMEDY, RIGHTS_HINT}},
	{404, {"not found", STORE_UNKNOWN_OUTCOME, NO_REMEDY, NOT_THE_STORE}},
	{407, {"the proxy wants credentials", STORE_UNREACHABLE, NO_REMEDY, "Check the proxy."}},
	{408, {"time-out", STORE_UNKNOWN_OUTCOME, NO_REMEDY, NULL}},
	{409, {"conflict", STORE_UNREACHABLE, NO_REMEDY, NULL}},
	{412, {"precondition failed", STORE_UNKNOWN_OUTCOME, NO_REMEDY, NOT_THE_STORE}},
	{416, {"not so long", STORE_UNKNOWN_OUTCOME, NO_REMEDY, NOT_THE_STORE}},
	{429, {"too many requests", STORE_UNREACHABLE, NO_REMEDY, NULL}},
	{500, {"internal error", STORE_UNKNOWN_OUTCOME, NO_REMEDY, NULL}},
	{501, {"not implemented", STORE_UNSUPPORTED, NO_REMEDY, NULL}},
	{502, {"bad gateway", STORE_UNKNOWN_OUTCOME, NO_REMEDY, NULL}},
	{503, {"service unavailable", STORE_UNREACHABLE, NO_REMEDY, NULL}},
	{504, {"gateway time-out", STORE_UNKNOWN_OUTCOME, NO_REMEDY, NULL}},
	{507, {"insufficient storage", STORE_FULL, NO_REMEDY, NULL}},
};

static const ErrorMeaning unheard_of = {"unexpected answer", STORE_FAILED, NO_REMEDY, NULL};

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

static const char *
named_header(const HttpAnswer *answer, const char *name)
{
	return name != NULL ? http_header(answer, name) : NULL;
}

/* What is not an error in XML leaves all empty; the status has to do, then. */
static void
read_error(const ErrorTable *table, const HttpAnswer *answer, ErrorBody *body)
{
	const char *code = named_header(answer, table->code_header);
	const char *request = named_header(answer, table->request_header);
	const char *region = named_header(answer, table->region_header);
	char *problem = NULL;

	memset(body, 0, sizeof(*body));
	if (answer->body.length > 0 && !xml_answer_read(answer->body.data, answer->body.length, "Error",
													visit_error, body, &problem))
	{
		error_body_free(body);
		memset(body, 0, sizeof(*body));
	}
	free(problem);
	if (body->code == NULL && code != NULL)
		set_text(&body->code, code);
	if (body->request == NULL && request != NULL)
		set_text(&body->request, request);
	if (body->region == NULL && region != NULL)
		set_text(&body->region, region);
}

static const ErrorMeaning *
meaning_of(const ErrorTable *table, int status, const char *code)
{
	size_t i;

	for (i = 0; code != NULL && i < table->count; i++)
	{
		if (strcmp(table->meanings[i].name, code) == 0)
			return &table->meanings[i];
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

static BucketVerdict
judge_refusal(const ErrorTable *table, const char *operation, const HttpAnswer *answer)
{
	BucketVerdict verdict = {.remedy = NO_REMEDY};
	const ErrorMeaning *meaning;
	ErrorBody body;

	read_error(table, answer, &body);
	meaning = meaning_of(table, answer->status, body.code);
	verdict.remedy = meaning->remedy;
	verdict.wait_seconds = wait_of(answer);
	if (verdict.remedy == CHANGE_REGION)
	{
		if (is_region(body.region, sizeof(verdict.region)))
			memcpy(verdict.region, body.region, strlen(body.region) + 1);
		else
			verdict.remedy = NO_REMEDY;
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

/* Does an answer have what only the store can have put there? */
static bool
is_of_store(const StoreSign *sign, const HttpAnswer *answer, char **problem)
{
	const char *text = answer->body.data != NULL ? answer->body.data : "";

	if (sign->root != NULL)
		return xml_answer_read(text, answer->body.length, sign->root, visit_nothing, NULL, problem);
	if (answer->body.length == 0 &&
		(sign->header == NULL || http_header(answer, sign->header) != NULL))
		return true;
	*problem = xstrdup("it is not one of the object store");
	return false;
}

/* "200 OK" says little: an error may come with it, and whatever is in between may say it. */
static BucketVerdict
judge_success(const ErrorTable *table, const char *operation, const StoreSign *sign,
			  const HttpAnswer *answer)
{
	BucketVerdict verdict = {.result = store_ok()};
	char *problem = NULL;

	if (!is_of_store(sign, answer, &problem))
	{
		verdict = judge_refusal(table, operation, answer);
		if (verdict.result.code == STORE_FAILED && verdict.remedy == NO_REMEDY)
			verdict.result = store_failure(STORE_UNKNOWN_OUTCOME, NOT_THE_STORE,
										   "%s: the answer cannot be used: %s", operation, problem);
	}
	free(problem);
	return verdict;
}

BucketVerdict
bucket_judge(const ErrorTable *table, const char *operation, const StoreSign *sign,
			 HttpOutcome outcome, const HttpAnswer *answer)
{
	BucketVerdict verdict = {.remedy = NO_REMEDY};
	StoreCode code = STORE_UNKNOWN_OUTCOME;

	switch (outcome)
	{
		case HTTP_ANSWERED:
			return answer->status >= 200 && answer->status <= 299
					   ? judge_success(table, operation, sign, answer)
					   : judge_refusal(table, operation, answer);
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

/* As in a header, or as in a listing (2026-11-30T02:00:00.000Z); -1 if it is neither. */
double
answer_time(const char *text)
{
	double seconds;

	if (text == NULL)
		return -1;
	return utc_time_parse(text, &seconds) ? seconds : (double) curl_getdate(text, NULL);
}

double
answer_age(const HttpAnswer *answer, const char *time)
{
	double now = answer_time(http_header(answer, "date"));
	double then = answer_time(time);

	if (now < 0 || then < 0)
		return -1;
	return now > then ? now - then : 0;
}
