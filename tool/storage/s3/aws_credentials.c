/*-------------------------------------------------------------------------
 *
 * aws_credentials.c
 *	  Where the keys for S3 come from.
 *
 *-------------------------------------------------------------------------
 */
#include "aws_credentials.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "aws_profile.h"
#include "aws_services.h"
#include "home.h"
#include "memory.h"
#include "private_file.h"
#include "subprocess.h"

#define FILE_LIMIT (1024 * 1024)

/* The keys of a profile pass over; false, with a problem, if there are none. */
static bool
keys_of_profile(AwsProfile *profile, const char *where, AccessKeys *keys, char **problem)
{
	if (profile->access_key == NULL || profile->secret_key == NULL)
	{
		*problem = xasprintf("there is no access key with a secret key in %s", where);
		return false;
	}
	memset(keys, 0, sizeof(*keys));
	keys->access_key = profile->access_key;
	keys->secret_key = profile->secret_key;
	keys->token = profile->token;
	profile->access_key = profile->secret_key = profile->token = NULL;
	return true;
}

static bool
file_keys(const KeyChoice *choice, AccessKeys *keys, char **problem)
{
	AwsProfile profile;
	char *text = secret_file_read(choice->file, problem);
	char *where;
	bool good;

	if (text == NULL)
		return false;
	memset(&profile, 0, sizeof(profile));
	aws_profile_read(text, choice->profile != NULL ? choice->profile : "default", false, &profile);
	secret_text_free(text);
	where = xasprintf("file \"%s\"", choice->file);
	good = keys_of_profile(&profile, where, keys, problem);
	free(where);
	aws_profile_free(&profile);
	return good;
}

static bool
environment_keys(AccessKeys *keys, char **problem)
{
	if (!platform_has_variable("AWS_ACCESS_KEY_ID") ||
		!platform_has_variable("AWS_SECRET_ACCESS_KEY"))
	{
		*problem = xstrdup("AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not both set");
		return false;
	}
	memset(keys, 0, sizeof(*keys));
	keys->access_key = xstrdup(getenv("AWS_ACCESS_KEY_ID"));
	keys->secret_key = xstrdup(getenv("AWS_SECRET_ACCESS_KEY"));
	keys->token =
		platform_has_variable("AWS_SESSION_TOKEN") ? xstrdup(getenv("AWS_SESSION_TOKEN")) : NULL;
	return true;
}

/* Add what one of the profile files says; a file that is not there says nothing. */
static bool
read_profile_file(const char *variable, const char *name_at_home, const char *profile_name,
				  bool config, AwsProfile *profile, bool *found, char **problem)
{
	char *home = home_directory();
	char *path = platform_has_variable(variable)
					 ? xstrdup(getenv(variable))
					 : xasprintf("%s/.aws/%s", home != NULL ? home : "", name_at_home);
	Buffer text;
	int error;

	buffer_init(&text);
	error = private_file_read(path, FILE_LIMIT, &text);
	if (error == 0 && text.length > 0)
		*found = aws_profile_read(text.data, profile_name, config, profile) || *found;
	if (error != 0 && error != ENOENT)
		*problem = xasprintf("could not read file \"%s\": %s", path, strerror(error));
	if (text.data != NULL)
		explicit_bzero(text.data, text.length);
	buffer_free(&text);
	free(path);
	free(home);
	return error == 0 || error == ENOENT;
}

static const char *
profile_name_of(const KeyChoice *choice)
{
	if (choice->profile != NULL)
		return choice->profile;
	return platform_has_variable("AWS_PROFILE") ? getenv("AWS_PROFILE") : "default";
}

/* The profile from both files; false with a problem if one cannot be read. */
static bool
read_profile(const KeyChoice *choice, AwsProfile *profile, bool *found, char **problem)
{
	const char *name = profile_name_of(choice);

	*found = false;
	memset(profile, 0, sizeof(*profile));
	return read_profile_file("AWS_SHARED_CREDENTIALS_FILE", "credentials", name, false, profile,
							 found, problem) &&
		   read_profile_file("AWS_CONFIG_FILE", "config", name, true, profile, found, problem);
}

/* Run the command of a profile, without a shell, and read what it prints. */
static bool
process_keys(const char *command, AccessKeys *keys, char **problem)
{
	char **argv = aws_command_words(command);
	SubprocessResult result;
	Buffer output;
	bool good = false;

	buffer_init(&output);
	memset(&result, 0, sizeof(result));
	if (argv == NULL || argv[0][0] != '/')
		*problem =
			xstrdup("credential_process must be a command that begins with an absolute path");
	else if (!subprocess_ask((const char *const *) argv, &output, &result))
		*problem = xstrdup("credential_process could not be run");
	else if (result.exit_code != 0)
		*problem = xasprintf("credential_process ended with exit code %d", result.exit_code);
	else
		good = aws_keys_from_json(output.data != NULL ? output.data : "", output.length, keys,
								  problem);
	if (output.data != NULL)
		explicit_bzero(output.data, output.length);
	buffer_free(&output);
	subprocess_result_free(&result);
	aws_words_free(argv);
	return good;
}

static bool
profile_keys(const KeyChoice *choice, const AwsServices *services, AccessKeys *keys, char **problem)
{
	AwsProfile profile;
	bool found;
	bool good;
	char *where = xasprintf("profile \"%s\"", profile_name_of(choice));

	good = read_profile(choice, &profile, &found, problem);
	if (good && profile.role != NULL && profile.token_file != NULL)
		good = aws_web_identity_keys(services, profile.role, profile.token_file, keys, problem);
	else if (good && profile.role != NULL)
	{
		*problem = xasprintf("%s assumes a role, which nex_backup does not do; use a "
							 "credential_process that does",
							 where);
		good = false;
	}
	else if (good && profile.access_key == NULL && profile.process != NULL)
		good = process_keys(profile.process, keys, problem);
	else if (good)
		good = keys_of_profile(&profile, where, keys, problem);
	aws_profile_free(&profile);
	free(where);
	return good;
}

/* The first of the chain that is there; KEYS_CHAIN, with a problem, if that cannot be told. */
static KeyPlace
first_of_chain(const KeyChoice *choice, char **problem)
{
	AwsProfile profile;
	bool found;

	if (choice->file != NULL)
		return KEYS_FILE;
	if (choice->profile == NULL && platform_has_variable("AWS_ACCESS_KEY_ID"))
		return KEYS_ENVIRONMENT;
	if (choice->profile == NULL && platform_has_variable("AWS_WEB_IDENTITY_TOKEN_FILE"))
		return KEYS_WEB_IDENTITY;
	if (!read_profile(choice, &profile, &found, problem))
		return KEYS_CHAIN;
	aws_profile_free(&profile);
	if (found || choice->profile != NULL || platform_has_variable("AWS_PROFILE"))
		return KEYS_PROFILE;
	if (platform_has_variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") ||
		platform_has_variable("AWS_CONTAINER_CREDENTIALS_FULL_URI"))
		return KEYS_CONTAINER;
	return KEYS_INSTANCE;
}

static bool
web_identity_keys(const AwsServices *services, AccessKeys *keys, char **problem)
{
	if (!platform_has_variable("AWS_WEB_IDENTITY_TOKEN_FILE") ||
		!platform_has_variable("AWS_ROLE_ARN"))
	{
		*problem = xstrdup("AWS_WEB_IDENTITY_TOKEN_FILE and AWS_ROLE_ARN are not both set");
		return false;
	}
	return aws_web_identity_keys(services, getenv("AWS_ROLE_ARN"),
								 getenv("AWS_WEB_IDENTITY_TOKEN_FILE"), keys, problem);
}

bool
aws_keys(void *argument, bool renew, AccessKeys *keys, char **problem)
{
	const KeyChoice *choice = argument;
	AwsServices services = {choice->region, choice->network};
	KeyPlace source = choice->place;

	(void) renew; /* nothing is kept here, so that all is always new */
	if (source == KEYS_CHAIN)
		source = first_of_chain(choice, problem);
	switch (source)
	{
		case KEYS_CHAIN:
			return false;
		case KEYS_FILE:
			return file_keys(choice, keys, problem);
		case KEYS_ENVIRONMENT:
			return environment_keys(keys, problem);
		case KEYS_WEB_IDENTITY:
			return web_identity_keys(&services, keys, problem);
		case KEYS_PROFILE:
			return profile_keys(choice, &services, keys, problem);
		case KEYS_CONTAINER:
			return aws_container_keys(&services, keys, problem);
		case KEYS_INSTANCE:
			return aws_instance_keys(&services, keys, problem);
	}
	return false;
}
