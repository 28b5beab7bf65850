/*-------------------------------------------------------------------------
 *
 * aws_services.c
 *	  Keys that the platform hands out to who runs on it.
 *
 *-------------------------------------------------------------------------
 */
#include "aws_services.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "memory.h"
#include "url_text.h"
#include "utc_time.h"
#include "xml_answer.h"

#define INSTANCE_SERVICE "http://169.254.169.254"
#define CONTAINER_SERVICE "http://169.254.170.2"

static char *
member_text(const json_t *object, const char *name)
{
	return xstrdup(json_string_value(json_object_get(object, name)));
}

bool
aws_keys_from_json(const char *text, size_t length, AccessKeys *keys, char **problem)
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
	access_keys_free(keys);
	*problem = xstrdup("the answer holds no keys");
	return false;
}

typedef struct AssumedRole
{
	AccessKeys keys;
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
read_role(const HttpAnswer *answer, AccessKeys *keys, char **problem)
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
	access_keys_free(&role.keys);
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
					  AccessKeys *keys, char **problem)
{
	HttpOptions options = platform_far(&services->network);
	const HttpPair headers[] = {{"content-type", "application/x-www-form-urlencoded"}};
	HttpRequest request = {.method = "POST", .target = "/", .headers = headers, .header_count = 1};
	char *origin = token_service(services);
	HttpAnswer answer;
	Buffer token, form;
	bool good;

	buffer_init(&token);
	buffer_init(&form);
	http_answer_init(&answer);
	good = platform_token_file(token_file, &token, problem);
	if (good)
	{
		buffer_append_string(&form, "Action=AssumeRoleWithWebIdentity&Version=2011-06-15"
									"&RoleSessionName=nex_backup&RoleArn=");
		url_append_encoded(role, false, &form);
		buffer_append_string(&form, "&WebIdentityToken=");
		url_append_encoded(token.data, false, &form);
		request.origin = origin;
		request.body = form.data;
		request.body_length = form.length;
		good = platform_ask(&options, &request, "the token service", &answer, problem) &&
			   read_role(&answer, keys, problem);
	}
	http_answer_free(&answer);
	buffer_free(&token);
	buffer_free(&form);
	free(origin);
	return good;
}

/* Where the container's service is; NULL with a problem.  Caller frees. */
static char *
container_url(char **problem)
{
	const char *relative = getenv("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
	const char *full = getenv("AWS_CONTAINER_CREDENTIALS_FULL_URI");

	if (relative != NULL)
		return xasprintf("%s%s%s", CONTAINER_SERVICE, relative[0] == '/' ? "" : "/", relative);
	if (full != NULL && platform_is_near(full))
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
	if (!platform_token_file(file, &content, problem))
	{
		buffer_free(&content);
		return false;
	}
	*token = buffer_detach(&content);
	return true;
}

bool
aws_container_keys(const AwsServices *services, AccessKeys *keys, char **problem)
{
	HttpOptions options = platform_near(&services->network);
	HttpPair header = {"Authorization", NULL};
	HttpRequest request = {.method = "GET", .headers = &header};
	char *url = container_url(problem);
	char *origin = NULL;
	char *target = NULL;
	char *token = NULL;
	HttpAnswer answer;
	bool good;

	http_answer_init(&answer);
	good = url != NULL && container_token(&token, problem);
	if (good && !url_split(url, &origin, &target))
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
		good = platform_ask(&options, &request, "the container's service for keys", &answer,
							problem) &&
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
			 const HttpPair *header, HttpAnswer *answer, char **problem)
{
	const char *named = getenv("AWS_EC2_METADATA_SERVICE_ENDPOINT");
	HttpRequest request = {.method = method,
						   .origin = named != NULL ? named : INSTANCE_SERVICE,
						   .target = target,
						   .headers = header,
						   .header_count = 1};

	return platform_ask(options, &request, "the instance's service for keys", answer, problem);
}

bool
aws_instance_keys(const AwsServices *services, AccessKeys *keys, char **problem)
{
	static const char role_path[] = "/latest/meta-data/iam/security-credentials/";
	HttpOptions options = platform_near(&services->network);
	HttpPair lifetime = {"X-aws-ec2-metadata-token-ttl-seconds", "300"};
	HttpPair token = {"X-aws-ec2-metadata-token", NULL};
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
		url_append_encoded(answer.body.data != NULL ? answer.body.data : "", false, &path);
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
