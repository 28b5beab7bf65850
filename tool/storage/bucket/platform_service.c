/*-------------------------------------------------------------------------
 *
 * platform_service.c
 *	  Services of the platform that hand out keys and tokens.
 *
 *-------------------------------------------------------------------------
 */
#include "platform_service.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "loopback.h"
#include "memory.h"
#include "private_file.h"
#include "quote.h"
#include "url_text.h"

#define NEAR_SECONDS 2
#define TOKEN_LIMIT (64 * 1024)

HttpOptions
platform_far(const PlatformNetwork *network)
{
	return (HttpOptions){
		.ca_file = network->ca_file, .proxy = network->proxy, .stopped = network->stopped};
}

HttpOptions
platform_near(const PlatformNetwork *network)
{
	return (HttpOptions){.proxy = "",
						 .connect_seconds = NEAR_SECONDS,
						 .silent_seconds = NEAR_SECONDS,
						 .stopped = network->stopped};
}

bool
platform_ask(const HttpOptions *options, const HttpRequest *request, const char *whom,
			 HttpAnswer *answer, char **problem)
{
	HttpClient *client = http_open(options);
	HttpOutcome outcome = HTTP_NOT_SENT;

	if (!platform_is_near(request->origin))
	{
		http_close(client);
		*problem = xasprintf("the address of %s is not one that begins with https://", whom);
		return false;
	}
	if (client != NULL)
		outcome = http_send(client, request, answer);
	http_close(client);
	if (outcome == HTTP_ANSWERED && answer->status == 200)
		return true;
	if (outcome == HTTP_ANSWERED)
		*problem = xasprintf("%s answered %d", whom, answer->status);
	else
		*problem = xasprintf("%s could not be asked: %s", whom,
							 answer->problem != NULL ? answer->problem : "out of memory");
	return false;
}

bool
platform_token_file(const char *path, Buffer *token, char **problem)
{
	int error = private_file_read(path, TOKEN_LIMIT, token);

	if (error != 0)
	{
		*problem = xasprintf("could not read token file \"%s\": %s", path, strerror(error));
		return false;
	}
	while (token->length > 0 && strchr(" \t\r\n", token->data[token->length - 1]) != NULL)
		token->data[--token->length] = '\0';
	return true;
}

/* Addresses of a link, where platforms have their services, and what AWS and Google have for them.
 */
static bool
is_of_platform(const char *host, size_t length)
{
	static const char *const others[] = {"[fd00:ec2::23]", "[fd00:ec2::254]",
										 "metadata.google.internal"};
	size_t i;

	for (i = 0; i < sizeof(others) / sizeof(others[0]); i++)
	{
		if (strlen(others[i]) == length && strncmp(others[i], host, length) == 0)
			return true;
	}
	return strncmp(host, "169.254.", strlen("169.254.")) == 0 &&
		   strspn(host, "0123456789.") == length;
}

bool
platform_is_near(const char *url)
{
	const char *authority = url + strlen("http://");
	size_t length;

	if (strncmp(url, "https://", strlen("https://")) == 0)
		return true;
	if (strncmp(url, "http://", strlen("http://")) != 0 ||
		memchr(authority, '@', strcspn(authority, "/?#")) != NULL)
		return false;
	length = url_host_length(authority);
	return is_loopback(authority, length) || is_of_platform(authority, length);
}

bool
platform_has_variable(const char *name)
{
	const char *value = getenv(name);

	return value != NULL && value[0] != '\0';
}

/* Seconds, as a number or as a text that is one; 0 if it is neither. */
static double
seconds_of(const json_t *value)
{
	const char *text = json_string_value(value);

	return text != NULL ? strtod(text, NULL) : json_number_value(value);
}

bool
platform_is_token(const char *text)
{
	const char *c;

	for (c = text; *c != '\0'; c++)
	{
		if (*c <= ' ' || *c >= 0x7f || *c == '#')
			return false;
	}
	return c > text;
}

/* The answer as an object, to be released; NULL is fine with jansson. */
static json_t *
object_of(const HttpAnswer *answer)
{
	return answer->body.length > 0 ? json_loadb(answer->body.data, answer->body.length, 0, NULL)
								   : NULL;
}

static bool
read_bearer(const HttpAnswer *answer, const char *whom, AccessKeys *keys, char **problem)
{
	json_t *object = object_of(answer);
	const char *token = json_string_value(json_object_get(object, "access_token"));
	double at = seconds_of(json_object_get(object, "expires_on"));
	double in = seconds_of(json_object_get(object, "expires_in"));
	bool good = token != NULL && platform_is_token(token);

	memset(keys, 0, sizeof(*keys));
	if (good)
		*keys = (AccessKeys){.kind = ACCESS_BEARER,
							 .token = xstrdup(token),
							 .expires = in > 0 ? (double) time(NULL) + in : at};
	else
		*problem = xasprintf("the answer of %s holds no token", whom);
	json_decref(object);
	return good;
}

/* Add what the service says of a refusal, if it says it as OAuth 2.0 does. */
static void
add_reason(const HttpAnswer *answer, char **problem)
{
	json_t *object = object_of(answer);
	const char *text = json_string_value(json_object_get(object, "error_description"));
	char *shown;
	char *longer;

	if (text == NULL)
		text = json_string_value(json_object_get(object, "error"));
	if (text != NULL)
	{
		shown = printable_name(text);
		longer = xasprintf("%s: %.120s", *problem, shown);
		free(shown);
		free(*problem);
		*problem = longer;
	}
	json_decref(object);
}

bool
platform_ask_bearer(const HttpOptions *options, const BearerRequest *request, AccessKeys *keys,
					char **problem)
{
	HttpRequest http = {.method = request->form != NULL ? "POST" : "GET",
						.headers = request->headers,
						.header_count = request->header_count};
	char *origin;
	char *target;
	HttpAnswer answer;
	bool good;

	if (!url_split(request->url, &origin, &target))
	{
		*problem =
			xasprintf("the address of %s is not one that begins with https://", request->whom);
		return false;
	}
	http_answer_init(&answer);
	http.origin = origin;
	http.target = target;
	if (request->form != NULL)
	{
		http.body = request->form->data;
		http.body_length = request->form->length;
	}
	good = platform_ask(options, &http, request->whom, &answer, problem);
	if (good)
		good = read_bearer(&answer, request->whom, keys, problem);
	else
		add_reason(&answer, problem);
	if (answer.body.data != NULL)
		explicit_bzero(answer.body.data, answer.body.length);
	http_answer_free(&answer);
	free(origin);
	free(target);
	return good;
}
