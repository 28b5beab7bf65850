/*-------------------------------------------------------------------------
 *
 * azure_credentials.c
 *	  Where the key or the tokens for Azure Blob Storage come from.
 *
 *-------------------------------------------------------------------------
 */
#include "azure_credentials.h"

#include <stdlib.h>
#include <string.h>

#include "azure_sign.h"
#include "memory.h"
#include "private_file.h"
#include "url_text.h"
#include "utc_time.h"

/* Whom tokens are for. */
#define AUDIENCE "https://storage.azure.com/"

#define AUTHORITY "https://login.microsoftonline.com/"
#define INSTANCE_SERVICE "http://169.254.169.254"

/* The value of a parameter, decoded; NULL if there is none.  Caller frees. */
static char *
parameter_of(const char *query, const char *name)
{
	size_t length = strlen(name);

	while (query != NULL)
	{
		if (strncmp(query, name, length) == 0 && query[length] == '=')
		{
			char *value =
				xasprintf("%.*s", (int) strcspn(query + length + 1, "&"), query + length + 1);

			if (url_decode(value))
				return value;
			free(value);
			return NULL;
		}
		query = strchr(query, '&');
		query = query != NULL ? query + 1 : NULL;
	}
	return NULL;
}

/* A shared access signature: parameters of a query, with the end of its life among them. */
static bool
signature_keys(const char *text, AccessKeys *keys)
{
	char *signature;
	char *end;

	if (text[0] == '?')
		text++;
	signature = parameter_of(text, "sig");
	if (signature == NULL || !platform_is_token(text))
	{
		free(signature);
		return false;
	}
	*keys = (AccessKeys){.kind = ACCESS_QUERY, .token = xstrdup(text)};
	end = parameter_of(text, "se");
	if (end != NULL && !utc_time_parse(end, &keys->expires))
		keys->expires = 0;
	secret_text_free(signature);
	free(end);
	return true;
}

bool
azure_keys_from_text(const char *text, const char *where, AccessKeys *keys, char **problem)
{
	memset(keys, 0, sizeof(*keys));
	if (signature_keys(text, keys))
		return true;
	if (azure_is_key(text))
	{
		*keys = (AccessKeys){.kind = ACCESS_KEY, .secret_key = xstrdup(text)};
		return true;
	}
	*problem = xasprintf("%s holds neither the key of a storage account nor a shared access "
						 "signature",
						 where);
	return false;
}

static bool
file_keys(const KeyChoice *choice, AccessKeys *keys, char **problem)
{
	char *text;
	char *where;
	bool good;

	if (choice->file == NULL)
	{
		*problem = xstrdup("no file is named");
		return false;
	}
	text = secret_file_read(choice->file, problem);
	if (text == NULL)
		return false;
	where = xasprintf("file \"%s\"", choice->file);
	good = azure_keys_from_text(text, where, keys, problem);
	free(where);
	secret_text_free(text);
	return good;
}

static bool
environment_keys(AccessKeys *keys, char **problem)
{
	static const char *const names[] = {"AZURE_STORAGE_KEY", "AZURE_STORAGE_SAS_TOKEN"};
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
	{
		if (platform_has_variable(names[i]))
			return azure_keys_from_text(getenv(names[i]), names[i], keys, problem);
	}
	*problem = xstrdup("neither AZURE_STORAGE_KEY nor AZURE_STORAGE_SAS_TOKEN is set");
	return false;
}

/* The token that the platform has put into a file for this, in exchange for one of the storage. */
static bool
workload_keys(const KeyChoice *choice, AccessKeys *keys, char **problem)
{
	static const HttpPair headers[] = {{"content-type", "application/x-www-form-urlencoded"}};
	const char *authority =
		platform_has_variable("AZURE_AUTHORITY_HOST") ? getenv("AZURE_AUTHORITY_HOST") : AUTHORITY;
	const HttpOptions options = platform_far(&choice->network);
	BearerRequest request = {.whom = "the token service", .headers = headers, .header_count = 1};
	Buffer token, form;
	char *url;
	bool good;

	if (!platform_has_variable("AZURE_FEDERATED_TOKEN_FILE") ||
		!platform_has_variable("AZURE_CLIENT_ID") || !platform_has_variable("AZURE_TENANT_ID"))
	{
		*problem = xstrdup("AZURE_FEDERATED_TOKEN_FILE, AZURE_CLIENT_ID and AZURE_TENANT_ID are "
						   "not all set");
		return false;
	}
	buffer_init(&token);
	buffer_init(&form);
	url = xasprintf("%s%s%s/oauth2/v2.0/token", authority,
					authority[strlen(authority) - 1] == '/' ? "" : "/", getenv("AZURE_TENANT_ID"));
	good = platform_token_file(getenv("AZURE_FEDERATED_TOKEN_FILE"), &token, problem);
	if (good)
	{
		url_append_parameter(&form, "grant_type", "client_credentials");
		url_append_parameter(&form, "client_id", getenv("AZURE_CLIENT_ID"));
		url_append_parameter(&form, "scope", AUDIENCE ".default");
		url_append_parameter(&form, "client_assertion_type",
							 "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
		url_append_parameter(&form, "client_assertion", token.data != NULL ? token.data : "");
		request.url = url;
		request.form = &form;
		good = platform_ask_bearer(&options, &request, keys, problem);
	}
	buffer_free(&token);
	buffer_free(&form);
	free(url);
	return good;
}

/* Ask a service of the machine for a token of its managed identity. */
static bool
ask_identity(const KeyChoice *choice, const char *service, const char *version,
			 const HttpPair *header, const char *whom, AccessKeys *keys, char **problem)
{
	const char *client = choice->profile != NULL ? choice->profile : getenv("AZURE_CLIENT_ID");
	const HttpOptions options = platform_near(&choice->network);
	BearerRequest request = {.whom = whom, .headers = header, .header_count = 1};
	Buffer query;
	char *url;
	bool good;

	buffer_init(&query);
	url_append_parameter(&query, "api-version", version);
	url_append_parameter(&query, "resource", AUDIENCE);
	if (client != NULL && client[0] != '\0')
		url_append_parameter(&query, "client_id", client);
	url = xasprintf("%s?%s", service, query.data);
	request.url = url;
	good = platform_ask_bearer(&options, &request, keys, problem);
	buffer_free(&query);
	free(url);
	return good;
}

static bool
container_keys(const KeyChoice *choice, AccessKeys *keys, char **problem)
{
	HttpPair header = {"x-identity-header", getenv("IDENTITY_HEADER")};

	if (!platform_has_variable("IDENTITY_ENDPOINT") || header.value == NULL)
	{
		*problem = xstrdup("this is not a container that has a service for tokens");
		return false;
	}
	return ask_identity(choice, getenv("IDENTITY_ENDPOINT"), "2019-08-01", &header,
						"the container's service for tokens", keys, problem);
}

static bool
instance_keys(const KeyChoice *choice, AccessKeys *keys, char **problem)
{
	static const HttpPair header = {"metadata", "true"};
	const char *named = getenv("AZURE_POD_IDENTITY_AUTHORITY_HOST");
	char *service =
		xasprintf("%s/metadata/identity/oauth2/token", named != NULL ? named : INSTANCE_SERVICE);
	bool good = ask_identity(choice, service, "2018-02-01", &header,
							 "the machine's service for tokens", keys, problem);

	free(service);
	return good;
}

static KeyPlace
first_of_chain(const KeyChoice *choice)
{
	if (choice->file != NULL)
		return KEYS_FILE;
	if (platform_has_variable("AZURE_STORAGE_KEY") ||
		platform_has_variable("AZURE_STORAGE_SAS_TOKEN"))
		return KEYS_ENVIRONMENT;
	if (platform_has_variable("AZURE_FEDERATED_TOKEN_FILE"))
		return KEYS_WEB_IDENTITY;
	if (platform_has_variable("IDENTITY_ENDPOINT"))
		return KEYS_CONTAINER;
	return KEYS_INSTANCE;
}

bool
azure_keys(void *argument, bool renew, AccessKeys *keys, char **problem)
{
	const KeyChoice *choice = argument;

	(void) renew; /* nothing is kept here, so that all is always new */
	switch (choice->place != KEYS_CHAIN ? choice->place : first_of_chain(choice))
	{
		case KEYS_FILE:
			return file_keys(choice, keys, problem);
		case KEYS_ENVIRONMENT:
			return environment_keys(keys, problem);
		case KEYS_WEB_IDENTITY:
			return workload_keys(choice, keys, problem);
		case KEYS_CONTAINER:
			return container_keys(choice, keys, problem);
		case KEYS_INSTANCE:
			return instance_keys(choice, keys, problem);
		case KEYS_CHAIN:
		case KEYS_PROFILE:
			break;
	}
	*problem = xstrdup("there are no profiles for Azure");
	return false;
}
