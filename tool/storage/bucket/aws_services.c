/*-------------------------------------------------------------------------
 *
 * aws_services.c
 *	  Keys that the platform hands out to who runs on it.
 *
 *-------------------------------------------------------------------------
 */
#include "aws_services.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "memory.h"
#include "private_file.h"
#include "quote.h"
#include "sigv4.h"
#include "utc_time.h"
#include "xml_answer.h"

/* Services of the machine itself answer at once, or are not there. */
#define LOCAL_SECONDS 2
#define TOKEN_LIMIT (64 * 1024)

#define INSTANCE_SERVICE "http://169.254.169.254"
#define CONTAINER_SERVICE "http://169.254.170.2"

static char *
member_text(const json_t *object, const char *name)
{
	return xstrdup(json_string_value(json_object_get(object, name)));
}

bool
aws_keys_from_json(const char *text, size_t length, S3Keys *keys, char **problem)
{
	json_t *object = json_loadb(text, length, 0, NULL);
	const char *expires = json_string_value(json_object_get(object, "Expiration"));

	memset(keys, 0, sizeof(*keys));
	keys->access_key = member_text(object, "AccessKeyId");
	keys->secret_key = member_text(object, "SecretAccessKey");
	keys->token = member_text(object, "Token");
	if (keys->token == NULL)
		keys->token = member_text(object, "SessionToken");
	if (expires != NULL && !utc_time_parse(expires, &keys->expires))
		keys->expires = 0;
	json_decref(object);
	if (keys->access_key != NULL && keys->secret_key != NULL)
		return true;
	s3_keys_free(keys);
	*problem = xstrdup("the answer holds no keys");
	return false;
}

/* "http://host:port/path?query" in two; the caller frees both. */
static bool
split_url(const char *url, char **origin, char **target)
{
	const char *authority = strstr(url, "://");
	const char *slash = authority != NULL ? strchr(authority + 3, '/') : NULL;

	if (authority == NULL || authority[3] == '\0')
		return false;
	*target = xstrdup(slash != NULL ? slash : "/");
	*origin = slash != NULL ? xasprintf("%.*s", (int) (slash - url), url) : xstrdup(url);
	return true;
}

/* Send one request, and have a good answer or a problem. */
static bool
ask(const HttpOptions *options, const HttpRequest *request, const char *whom, HttpAnswer *answer,
	char **problem)
{
	HttpClient *client = http_open(options);
	HttpOutcome outcome = HTTP_NOT_SENT;

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

/* A token in a file, which the platform replaces now and then. */
static bool
read_token(const char *path, Buffer *token, char **problem)
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

typedef struct AssumedRole
{
	S3Keys keys;
} AssumedRole;

static bool
visit_role(void *argument, const char *path, const char *text)
{
	static const char start[] = "AssumeRoleWithWebIdentityResponse/"
								"AssumeRoleWithWebIdentityResult/Credentials/";
	AssumedRole *role = argument;

	if (strncmp(path, start, sizeof(start) - 1) != 0)
		return true;
	path += sizeof(start) - 1;
	if (strcmp(path, "AccessKeyId") == 0 && role->keys.access_key == NULL)
		role->keys.access_key = xstrdup(text);
	else if (strcmp(path, "SecretAccessKey") == 0 && role->keys.secret_key == NULL)
		role->keys.secret_key = xstrdup(text);
	else if (strcmp(path, "SessionToken") == 0 && role->keys.token == NULL)
		role->keys.token = xstrdup(text);
	else if (strcmp(path, "Expiration") == 0 && !utc_time_parse(text, &role->keys.expires))
		role->keys.expires = 0;
	return true;
}

static bool
read_role(const HttpAnswer *answer, S3Keys *keys, char **problem)
{
	AssumedRole role;
	char *reason;

	memset(&role, 0, sizeof(role));
	if (xml_answer_read(answer->body.data != NULL ? answer->body.data : "", answer->body.length,
						"AssumeRoleWithWebIdentityResponse", visit_role, &role, &reason) &&
		role.keys.access_key != NULL && role.keys.secret_key != NULL && role.keys.token != NULL)
	{
		*keys = role.keys;
		return true;
	}
	*problem = xasprintf("the answer of the token service cannot be used: %s",
						 reason != NULL ? reason : "it holds no keys");
	free(reason);
	s3_keys_free(&role.keys);
	return false;
}

/* The regional service, or the one that the environment names. */
static char *
token_service(const AwsServices *services)
{
	const char *named = getenv("AWS_ENDPOINT_URL_STS");

	return named != NULL ? xstrdup(named)
						 : xasprintf("https://sts.%s.amazonaws.com", services->region);
}

bool
aws_web_identity_keys(const AwsServices *services, const char *role, const char *token_file,
					  S3Keys *keys, char **problem)
{
	HttpOptions options = {
		.ca_file = services->ca_file, .proxy = services->proxy, .stopped = services->stopped};
	const HttpHeader headers[] = {{"content-type", "application/x-www-form-urlencoded"}};
	HttpRequest request = {.method = "POST", .target = "/", .headers = headers, .header_count = 1};
	char *origin = token_service(services);
	HttpAnswer answer;
	Buffer token, form;
	bool good;

	buffer_init(&token);
	buffer_init(&form);
	http_answer_init(&answer);
	good = read_token(token_file, &token, problem);
	if (good)
	{
		buffer_append_string(&form, "Action=AssumeRoleWithWebIdentity&Version=2011-06-15"
									"&RoleSessionName=nex_backup&RoleArn=");
		sig_append_encoded(role, false, &form);
		buffer_append_string(&form, "&WebIdentityToken=");
		sig_append_encoded(token.data, false, &form);
		request.origin = origin;
		request.body = form.data;
		request.body_length = form.length;
		good = ask(&options, &request, "the token service", &answer, problem) &&
			   read_role(&answer, keys, problem);
	}
	http_answer_free(&answer);
	buffer_free(&token);
	buffer_free(&form);
	free(origin);
	return good;
}

/* Plain HTTP may lead to the container's own services only: addresses that never leave the host. */
static bool
is_local_service(const char *url)
{
	static const char *const good[] = {"http://169.254.170.2/",  "http://169.254.170.23/",
									   "http://[fd00:ec2::23]/", "http://127.0.0.1/",
									   "http://127.0.0.1:",      "http://localhost/",
									   "http://localhost:",      "https://"};
	size_t i;

	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++)
	{
		if (strncmp(url, good[i], strlen(good[i])) == 0)
			return true;
	}
	return false;
}

/* Where the container's service is; NULL with a problem.  Caller frees. */
static char *
container_url(char **problem)
{
	const char *relative = getenv("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
	const char *full = getenv("AWS_CONTAINER_CREDENTIALS_FULL_URI");

	if (relative != NULL)
		return xasprintf("%s%s%s", CONTAINER_SERVICE, relative[0] == '/' ? "" : "/", relative);
	if (full != NULL && is_local_service(full))
		return xstrdup(full);
	*problem =
		xstrdup(full == NULL ? "this is not a container that has a service for keys"
							 : "AWS_CONTAINER_CREDENTIALS_FULL_URI leads to another machine");
	return NULL;
}

/* The header that the service wants to see, or NULL; caller frees. */
static bool
container_token(char **token, char **problem)
{
	const char *file = getenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
	const char *value = getenv("AWS_CONTAINER_AUTHORIZATION_TOKEN");
	Buffer content;

	*token = NULL;
	if (file == NULL)
	{
		*token = xstrdup(value);
		return true;
	}
	buffer_init(&content);
	if (!read_token(file, &content, problem))
	{
		buffer_free(&content);
		return false;
	}
	*token = buffer_detach(&content);
	return true;
}

bool
aws_container_keys(const AwsServices *services, S3Keys *keys, char **problem)
{
	HttpOptions options = {.proxy = "",
						   .connect_seconds = LOCAL_SECONDS,
						   .silent_seconds = LOCAL_SECONDS,
						   .stopped = services->stopped};
	HttpHeader header = {"Authorization", NULL};
	HttpRequest request = {.method = "GET", .headers = &header};
	char *url = container_url(problem);
	char *origin = NULL;
	char *target = NULL;
	char *token = NULL;
	HttpAnswer answer;
	bool good;

	http_answer_init(&answer);
	good = url != NULL && container_token(&token, problem);
	if (good && !split_url(url, &origin, &target))
	{
		*problem = xstrdup("the address of the container's service for keys is not a URL");
		good = false;
	}
	if (good)
	{
		request.origin = origin;
		request.target = target;
		header.value = token;
		request.header_count = token != NULL ? 1 : 0;
		good = ask(&options, &request, "the container's service for keys", &answer, problem) &&
			   aws_keys_from_json(answer.body.data != NULL ? answer.body.data : "",
								  answer.body.length, keys, problem);
	}
	http_answer_free(&answer);
	free(url);
	free(origin);
	free(target);
	secret_text_free(token);
	return good;
}

/* One request of the instance's service, with its token; the answer's body is text. */
static bool
ask_instance(const HttpOptions *options, const char *method, const char *target,
			 const HttpHeader *header, HttpAnswer *answer, char **problem)
{
	const char *named = getenv("AWS_EC2_METADATA_SERVICE_ENDPOINT");
	HttpRequest request = {.method = method,
						   .origin = named != NULL ? named : INSTANCE_SERVICE,
						   .target = target,
						   .headers = header,
						   .header_count = 1};

	return ask(options, &request, "the instance's service for keys", answer, problem);
}

bool
aws_instance_keys(const AwsServices *services, S3Keys *keys, char **problem)
{
	static const char role_path[] = "/latest/meta-data/iam/security-credentials/";
	HttpOptions options = {.proxy = "",
						   .connect_seconds = LOCAL_SECONDS,
						   .silent_seconds = LOCAL_SECONDS,
						   .stopped = services->stopped};
	HttpHeader lifetime = {"X-aws-ec2-metadata-token-ttl-seconds", "300"};
	HttpHeader token = {"X-aws-ec2-metadata-token", NULL};
	HttpAnswer answer;
	char *held = NULL;
	char *target = NULL;
	bool good;

	http_answer_init(&answer);
	good = ask_instance(&options, "PUT", "/latest/api/token", &lifetime, &answer, problem);
	if (good)
	{
		token.value = held = xstrdup(answer.body.data != NULL ? answer.body.data : "");
		good = ask_instance(&options, "GET", role_path, &token, &answer, problem);
	}
	if (good)
	{
		Buffer path;

		buffer_init(&path);
		buffer_append_string(&path, role_path);
		if (answer.body.data != NULL)
			answer.body.data[strcspn(answer.body.data, "\r\n")] = '\0';
		sig_append_encoded(answer.body.data != NULL ? answer.body.data : "", false, &path);
		target = buffer_detach(&path);
		good = ask_instance(&options, "GET", target, &token, &answer, problem) &&
			   aws_keys_from_json(answer.body.data != NULL ? answer.body.data : "",
								  answer.body.length, keys, problem);
	}
	http_answer_free(&answer);
	secret_text_free(held);
	free(target);
	return good;
}
