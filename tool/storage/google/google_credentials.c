/*-------------------------------------------------------------------------
 *
 * google_credentials.c
 *	  Where the key or the tokens for Google Cloud Storage come from.
 *
 *-------------------------------------------------------------------------
 */
#include "google_credentials.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "google_assertion.h"
#include "home.h"
#include "memory.h"
#include "private_file.h"
#include "quote.h"
#include "url_text.h"

#define FILE_LIMIT (64 * 1024)
#define METADATA_SERVER "169.254.169.254"
#define TOKEN_URI "https://oauth2.googleapis.com/token"
#define BLANKS " \t\r\n"

bool
google_hmac_key(const char *text, AccessKeys *keys)
{
	size_t id = strcspn(text, BLANKS);
	const char *secret = text + id + strspn(text + id, BLANKS);

	memset(keys, 0, sizeof(*keys));
	if (id == 0 || !platform_is_token(secret))
		return false;
	*keys = (AccessKeys){.kind = ACCESS_KEY,
						 .access_key = xasprintf("%.*s", (int) id, text),
						 .secret_key = xstrdup(secret)};
	if (platform_is_token(keys->access_key))
		return true;
	access_keys_free(keys);
	return false;
}

static const char *
member_of(const json_t *object, const char *name)
{
	return json_string_value(json_object_get(object, name));
}

/* What is posted for a token in exchange for what a file holds; false with a problem. */
static bool
append_form(const json_t *object, const char *token_uri, const char *where, Buffer *form,
			char **problem)
{
	const char *type = member_of(object, "type");
	const ServiceAccount account = {member_of(object, "client_email"),
									member_of(object, "private_key_id"),
									member_of(object, "private_key"), token_uri};
	const char *id = member_of(object, "client_id");
	const char *secret = member_of(object, "client_secret");
	const char *refresh = member_of(object, "refresh_token");
	Buffer assertion;
	bool good = false;

	buffer_init(&assertion);
	if (type != NULL && strcmp(type, "service_account") == 0 && account.email != NULL &&
		account.private_key != NULL)
	{
		good = google_append_assertion(&account, time(NULL), &assertion);
		url_append_parameter(form, "grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer");
		url_append_parameter(form, "assertion", good ? assertion.data : "");
		if (!good)
			*problem = xasprintf("the private key in %s cannot be used", where);
	}
	else if (type != NULL && strcmp(type, "authorized_user") == 0 && id != NULL && secret != NULL &&
			 refresh != NULL)
	{
		url_append_parameter(form, "grant_type", "refresh_token");
		url_append_parameter(form, "client_id", id);
		url_append_parameter(form, "client_secret", secret);
		url_append_parameter(form, "refresh_token", refresh);
		good = true;
	}
	else
	{
		char *shown = printable_name(type != NULL ? type : "");

		*problem = xasprintf("%s holds neither an HMAC key nor the key of a service account or the "
							 "login of a user, but something of type \"%.40s\"",
							 where, shown);
		free(shown);
	}
	buffer_free(&assertion);
	return good;
}

static bool
keys_from_json(const KeyChoice *choice, const char *text, const char *where, AccessKeys *keys,
			   char **problem)
{
	static const HttpPair headers[] = {{"content-type", "application/x-www-form-urlencoded"}};
	const HttpOptions options = platform_far(&choice->network);
	json_t *object = json_loads(text, 0, NULL);
	const char *named = member_of(object, "token_uri");
	Buffer form;
	BearerRequest request = {.whom = "the token service",
							 .url = named != NULL ? named : TOKEN_URI,
							 .headers = headers,
							 .header_count = 1,
							 .form = &form};
	bool good;

	buffer_init(&form);
	good = append_form(object, request.url, where, &form, problem) &&
		   platform_ask_bearer(&options, &request, keys, problem);
	if (form.data != NULL)
		explicit_bzero(form.data, form.length);
	buffer_free(&form);
	json_decref(object);
	return good;
}

static bool
keys_from_text(const KeyChoice *choice, const char *text, const char *path, AccessKeys *keys,
			   char **problem)
{
	char *where = xasprintf("file \"%s\"", path);
	bool good = text[strspn(text, BLANKS)] != '{' && google_hmac_key(text, keys);

	if (!good)
		good = keys_from_json(choice, text, where, keys, problem);
	free(where);
	return good;
}

static bool
file_keys(const KeyChoice *choice, AccessKeys *keys, char **problem)
{
	char *text;
	bool good;

	if (choice->file == NULL)
	{
		*problem = xstrdup("no file is named");
		return false;
	}
	text = secret_file_read(choice->file, problem);
	good = text != NULL && keys_from_text(choice, text, choice->file, keys, problem);
	secret_text_free(text);
	return good;
}

/* A file that is Google's own matter, and so are its rights. */
static bool
keys_in_file_of_google(const KeyChoice *choice, const char *path, AccessKeys *keys, char **problem)
{
	Buffer text;
	int error;
	bool good = false;

	buffer_init(&text);
	error = private_file_read(path, FILE_LIMIT, &text);
	if (error != 0)
		*problem = xasprintf("could not read file \"%s\": %s", path, strerror(error));
	else
		good = keys_from_text(choice, text.data != NULL ? text.data : "", path, keys, problem);
	if (text.data != NULL)
		explicit_bzero(text.data, text.length);
	buffer_free(&text);
	return good;
}

/* The file of "gcloud auth application-default login"; caller frees. */
static char *
file_of_gcloud(void)
{
	char *home = home_directory();
	char *path = xasprintf("%s/.config/gcloud/application_default_credentials.json",
						   home != NULL ? home : "");

	free(home);
	return path;
}

static bool
profile_keys(const KeyChoice *choice, AccessKeys *keys, char **problem)
{
	char *path = file_of_gcloud();
	bool good = keys_in_file_of_google(choice, path, keys, problem);

	free(path);
	return good;
}

static bool
environment_keys(const KeyChoice *choice, AccessKeys *keys, char **problem)
{
	if (platform_has_variable("GOOGLE_APPLICATION_CREDENTIALS"))
		return keys_in_file_of_google(choice, getenv("GOOGLE_APPLICATION_CREDENTIALS"), keys,
									  problem);
	*problem = xstrdup("GOOGLE_APPLICATION_CREDENTIALS is not set");
	return false;
}

/* The account that the machine, the container or the function runs as. */
static bool
metadata_keys(const KeyChoice *choice, AccessKeys *keys, char **problem)
{
	static const HttpPair header = {"metadata-flavor", "Google"};
	const HttpOptions options = platform_near(&choice->network);
	const char *host =
		platform_has_variable("GCE_METADATA_HOST") ? getenv("GCE_METADATA_HOST") : METADATA_SERVER;
	Buffer url;
	BearerRequest request = {.whom = "the metadata server", .headers = &header, .header_count = 1};
	bool good;

	buffer_init(&url);
	buffer_printf(&url, "http://%s/computeMetadata/v1/instance/service-accounts/", host);
	url_append_encoded(choice->profile != NULL ? choice->profile : "default", false, &url);
	buffer_append_string(&url, "/token");
	request.url = url.data;
	good = platform_ask_bearer(&options, &request, keys, problem);
	buffer_free(&url);
	return good;
}

static KeyPlace
first_of_chain(const KeyChoice *choice)
{
	char *gcloud;
	bool found;

	if (choice->file != NULL)
		return KEYS_FILE;
	if (platform_has_variable("GOOGLE_APPLICATION_CREDENTIALS"))
		return KEYS_ENVIRONMENT;
	gcloud = file_of_gcloud();
	found = access(gcloud, F_OK) == 0 || errno != ENOENT;
	free(gcloud);
	return found ? KEYS_PROFILE : KEYS_INSTANCE;
}

bool
google_keys(void *argument, bool renew, AccessKeys *keys, char **problem)
{
	const KeyChoice *choice = argument;

	(void) renew; /* nothing is kept here, so that all is always new */
	switch (choice->place != KEYS_CHAIN ? choice->place : first_of_chain(choice))
	{
		case KEYS_FILE:
			return file_keys(choice, keys, problem);
		case KEYS_ENVIRONMENT:
			return environment_keys(choice, keys, problem);
		case KEYS_PROFILE:
			return profile_keys(choice, keys, problem);
		case KEYS_CONTAINER:
		case KEYS_INSTANCE:
			return metadata_keys(choice, keys, problem);
		case KEYS_CHAIN:
		case KEYS_WEB_IDENTITY:
			break;
	}
	*problem = xstrdup("for Google, an identity of the platform is that of the instance");
	return false;
}
