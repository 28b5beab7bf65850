/* Where keys for S3 come from: files, variables, commands, and services that answer what the test
 * says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <fcntl.h>
#include <sys/stat.h>

#include "aws_credentials.h"
#include "aws_profile.h"
#include "http_script.h"
#include "memory.h"
#include "platform_service.h"
#include "subprocess.h"
#include "utc_time.h"

static const char *const variables[] = {"AWS_ACCESS_KEY_ID",
										"AWS_SECRET_ACCESS_KEY",
										"AWS_SESSION_TOKEN",
										"AWS_PROFILE",
										"AWS_WEB_IDENTITY_TOKEN_FILE",
										"AWS_ROLE_ARN",
										"AWS_ENDPOINT_URL_STS",
										"AWS_CONTAINER_CREDENTIALS_FULL_URI",
										"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
										"AWS_CONTAINER_AUTHORIZATION_TOKEN",
										"AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
										"AWS_EC2_METADATA_SERVICE_ENDPOINT"};

static char directory[] = "/tmp/nexb_aws_XXXXXX";

/* Nothing but empty profile files; nothing of the machine itself. */
static int
fresh_environment(void **state)
{
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(variables) / sizeof(variables[0]); i++)
		unsetenv(variables[i]);
	setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent/credentials", 1);
	setenv("AWS_CONFIG_FILE", "/nonexistent/config", 1);
	setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1:1", 1);
	return 0;
}

/* Write a file below the test's directory; its path, to be freed. */
static char *
file_with(const char *name, const char *text, mode_t mode)
{
	char *path = xasprintf("%s/%s", directory, name);
	int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY, mode);

	assert_true(fd >= 0);
	assert_int_equal(fchmod(fd, mode), 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t) strlen(text));
	close(fd);
	return path;
}

/* "access secret token", or "problem: …"; to be freed. */
static char *
keys_by(KeyChoice choice, double *expires)
{
	AccessKeys keys = {.expires = 0};
	char *problem = NULL;
	char *text;

	if (choice.region == NULL)
		choice.region = "us-east-1";
	if (!aws_keys(&choice, false, &keys, &problem))
	{
		text = xasprintf("problem: %s", problem);
		free(problem);
		return text;
	}
	text = xasprintf("%s %s %s", keys.access_key, keys.secret_key,
					 keys.token != NULL ? keys.token : "-");
	if (expires != NULL)
		*expires = keys.expires;
	access_keys_free(&keys);
	return text;
}

static void
expect(KeyChoice choice, const char *expected)
{
	char *text = keys_by(choice, NULL);

	assert_string_equal(text, expected);
	free(text);
}

static void
file_of_ours(void **state)
{
	char *good = file_with("good", "aws_access_key_id = A\naws_secret_access_key=S/+=\n", 0600);
	char *open_file = file_with("open", "aws_access_key_id = A\naws_secret_access_key=S\n", 0644);
	char *half = file_with("half", "[default]\naws_access_key_id = A\n", 0600);
	char *text;

	(void) state;
	expect((KeyChoice){.place = KEYS_FILE, .file = good}, "A S/+= -");
	expect((KeyChoice){.place = KEYS_CHAIN, .file = good}, "A S/+= -");
	text = keys_by((KeyChoice){.place = KEYS_FILE, .file = open_file}, NULL);
	assert_non_null(strstr(text, "problem: "));
	free(text);
	text = keys_by((KeyChoice){.place = KEYS_FILE, .file = half}, NULL);
	assert_non_null(strstr(text, "there is no access key with a secret key in file"));
	free(text);
	free(good);
	free(open_file);
	free(half);
}

static void
environment(void **state)
{
	(void) state;
	setenv("AWS_ACCESS_KEY_ID", "EA", 1);
	expect((KeyChoice){.place = KEYS_CHAIN},
		   "problem: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not both set");
	setenv("AWS_SECRET_ACCESS_KEY", "ES", 1);
	expect((KeyChoice){.place = KEYS_CHAIN}, "EA ES -");
	setenv("AWS_SESSION_TOKEN", "ET", 1);
	expect((KeyChoice){.place = KEYS_ENVIRONMENT}, "EA ES ET");
	/* A profile that is asked for by name does not give way to the environment. */
	expect((KeyChoice){.place = KEYS_CHAIN, .profile = "p"},
		   "problem: there is no access key with a secret key in profile \"p\"");
}

static void
profiles(void **state)
{
	char *credentials = file_with("credentials",
								  "# comment\n[default]\naws_access_key_id=DA\n"
								  "aws_secret_access_key=DS\n  aws_session_token=nested\n"
								  "[other]\naws_access_key_id = OA\naws_secret_access_key = OS\n"
								  "aws_session_token = OT\n",
								  0600);
	char *config =
		file_with("config",
				  "[default]\nregion=eu-west-1\n[profile run]\n"
				  "credential_process = /bin/echo '{\"Version\":1,\"AccessKeyId\":\"PA\","
				  "\"SecretAccessKey\":\"P S\",\"SessionToken\":\"PT\","
				  "\"Expiration\":\"2031-01-01T00:00:00Z\"}'\n"
				  "[profile shell]\ncredential_process = echo x\n"
				  "[profile bad]\ncredential_process = /bin/false\n"
				  "[profile empty]\ncredential_process = /bin/echo {}\n"
				  "[profile role]\nrole_arn=arn:x\nsource_profile=default\n",
				  0600);
	double expires;
	char *text;

	(void) state;
	setenv("AWS_SHARED_CREDENTIALS_FILE", credentials, 1);
	setenv("AWS_CONFIG_FILE", config, 1);
	expect((KeyChoice){.place = KEYS_CHAIN}, "DA DS -");
	expect((KeyChoice){.place = KEYS_PROFILE, .profile = "other"}, "OA OS OT");
	setenv("AWS_PROFILE", "other", 1);
	expect((KeyChoice){.place = KEYS_CHAIN}, "OA OS OT");
	text = keys_by((KeyChoice){.place = KEYS_CHAIN, .profile = "run"}, &expires);
	assert_string_equal(text, "PA P S PT");
	assert_true(expires == 1924992000);
	free(text);
	expect((KeyChoice){.profile = "shell"},
		   "problem: credential_process must be a command that begins with an absolute path");
	expect((KeyChoice){.profile = "bad"}, "problem: credential_process ended with exit code 1");
	expect((KeyChoice){.profile = "empty"}, "problem: the answer holds no keys");
	text = keys_by((KeyChoice){.profile = "role"}, NULL);
	assert_non_null(strstr(text, "assumes a role"));
	free(text);
	free(credentials);
	free(config);
}

static void
command_words(void **state)
{
	char **words = aws_command_words(" /bin/x  'a b' \"c'd\"e\t$HOME;* ''");

	(void) state;
	assert_string_equal(words[0], "/bin/x");
	assert_string_equal(words[1], "a b");
	assert_string_equal(words[2], "c'de");
	assert_string_equal(words[3], "$HOME;*");
	assert_string_equal(words[4], "");
	assert_null(words[5]);
	aws_words_free(words);
	assert_null(aws_command_words("/bin/x 'a"));
	assert_null(aws_command_words("  "));
}

#define JSON_KEYS                                                                                  \
	"HTTP/1.1 200 OK\r\nContent-Length: 94\r\n\r\n"                                                \
	"{\"AccessKeyId\":\"CA\",\"SecretAccessKey\":\"CS\",\"Token\":\"CT\","                         \
	"\"Expiration\":\"2031-01-01T00:00:00Z\"}  "

static void
container(void **state)
{
	Script script = {.answers = {JSON_KEYS, NULL, "HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n"},
					 .connections = 2};
	char *token = file_with("token", "secret-word\n", 0600);
	char *url;

	(void) state;
	script_start(&script);
	url = xasprintf("%s/v1/credentials?x=1", script.origin);
	setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", url, 1);
	setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", token, 1);
	expect((KeyChoice){.place = KEYS_CHAIN}, "CA CS CT");
	assert_ptr_equal(strstr(script.requests.data, "GET /v1/credentials?x=1 HTTP/1.1\r\n"),
					 script.requests.data);
	assert_non_null(strstr(script.requests.data, "\r\nAuthorization: secret-word\r\n"));
	expect((KeyChoice){.place = KEYS_CONTAINER},
		   "problem: the container's service for keys answered 403");
	setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://example.com/keys", 1);
	expect((KeyChoice){.place = KEYS_CONTAINER},
		   "problem: AWS_CONTAINER_CREDENTIALS_FULL_URI leads to another machine");
	script_finish(&script);
	free(url);
	free(token);
}

static void
instance(void **state)
{
	Script script = {.answers = {"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nword", NULL,
								 "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nrole/x\n", NULL},
					 .connections = 3};

	(void) state;
	script.answers[4] = JSON_KEYS;
	script_start(&script);
	setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", script.origin, 1);
	expect((KeyChoice){.place = KEYS_CHAIN}, "CA CS CT");
	assert_ptr_equal(strstr(script.requests.data, "PUT /latest/api/token HTTP/1.1\r\n"),
					 script.requests.data);
	assert_non_null(strstr(script.requests.data, "\r\nX-aws-ec2-metadata-token-ttl-seconds: "));
	assert_non_null(strstr(script.requests.data,
						   "GET /latest/meta-data/iam/security-credentials/role%2Fx HTTP/1.1\r\n"));
	assert_non_null(strstr(script.requests.data, "\r\nX-aws-ec2-metadata-token: word\r\n"));
	script_finish(&script);
}

/* No token, no keys: version 1 of the protocol is never used. */
static void
instance_without_tokens(void **state)
{
	Script script = {.answers = {"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n"}, .connections = 1};

	(void) state;
	script_start(&script);
	setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", script.origin, 1);
	expect((KeyChoice){.place = KEYS_INSTANCE},
		   "problem: the instance's service for keys answered 403");
	assert_null(strstr(script.requests.data, "GET "));
	script_finish(&script);
}

#define ROLE_KEYS                                                                                  \
	"<AssumeRoleWithWebIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">"      \
	"<AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>WA</AccessKeyId>"                  \
	"<SecretAccessKey>WS</SecretAccessKey><SessionToken>WT</SessionToken>"                         \
	"<Expiration>2031-01-01T00:00:00Z</Expiration></Credentials>"                                  \
	"</AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>"

static void
web_identity(void **state)
{
	char *answer = xasprintf("HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s",
							 sizeof(ROLE_KEYS) - 1, ROLE_KEYS);
	Script script = {.answers = {answer, NULL, answer}, .connections = 2};
	char *token = file_with("identity", "one.two\n", 0600);
	double expires;
	char *text;

	(void) state;
	script_start(&script);
	setenv("AWS_ENDPOINT_URL_STS", script.origin, 1);
	setenv("AWS_ROLE_ARN", "arn:aws:iam::1:role/r", 1);
	setenv("AWS_WEB_IDENTITY_TOKEN_FILE", token, 1);
	text = keys_by((KeyChoice){.place = KEYS_CHAIN}, &expires);
	assert_string_equal(text, "WA WS WT");
	assert_true(expires == 1924992000);
	free(text);
	assert_non_null(strstr(script.requests.data, "&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fr"
												 "&WebIdentityToken=one.two"));
	/* The platform replaces the token; it is read each time. */
	free(token);
	token = file_with("identity", "three.four\n", 0600);
	expect((KeyChoice){.place = KEYS_WEB_IDENTITY}, "WA WS WT");
	assert_non_null(strstr(script.requests.data, "&WebIdentityToken=three.four"));
	script_finish(&script);
	free(answer);
	free(token);
}

/* Over plain HTTP a token goes to this machine and to what its platform has on the link, and
 * nowhere else. */
static void
near_and_far(void **state)
{
	static const char *const near[] = {"https://sts.example.com", "http://127.0.0.1:80/x",
									   "http://localhost",        "http://[::1]:1/",
									   "http://169.254.170.2",    "http://[fd00:ec2::23]/v1"};
	static const char *const far[] = {
		"http://sts.example.com",       "http://localhost:x@example.com/",
		"http://localhost.example.com", "http://169.254.example/",
		"http://[fd00:ec2::24]/",       "ftp://localhost/"};
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(near) / sizeof(near[0]); i++)
		assert_true(platform_is_near(near[i]));
	for (i = 0; i < sizeof(far) / sizeof(far[0]); i++)
		assert_false(platform_is_near(far[i]));
}

/* PostgreSQL's programs get none of the platform's variables; a helper that gives keys lives by
 * them. */
static void
who_inherits(void **state)
{
	static const char *const argv[] = {"/usr/bin/env", NULL};
	static const char *const endless[] = {"/usr/bin/yes", NULL};
	SubprocessResult result;
	Buffer client, helper;

	(void) state;
	setenv("AWS_SECRET_ACCESS_KEY", "ES", 1);
	setenv("AZURE_STORAGE_KEY", "AS", 1);
	setenv("AWSOME", "1", 1);
	setenv("PGPASSWORD", "PS", 1);
	buffer_init(&client);
	buffer_init(&helper);
	assert_true(subprocess_capture(argv, NULL, &client, &result));
	subprocess_result_free(&result);
	assert_null(strstr(client.data, "AWS_"));
	assert_null(strstr(client.data, "AZURE_"));
	assert_non_null(strstr(client.data, "AWSOME=1"));
	assert_true(subprocess_ask(argv, &helper, &result));
	subprocess_result_free(&result);
	assert_non_null(strstr(helper.data, "AWS_SECRET_ACCESS_KEY=ES"));
	assert_null(strstr(helper.data, "PGPASSWORD"));
	assert_false(subprocess_ask(endless, &helper, &result));
	buffer_free(&client);
	buffer_free(&helper);
	unsetenv("PGPASSWORD");
}

static int
make_directory(void **state)
{
	(void) state;
	return mkdtemp(directory) != NULL ? 0 : -1;
}

static int
remove_directory(void **state)
{
	static const char *const names[] = {"good",   "open",  "half",    "credentials",
										"config", "token", "identity"};
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
	{
		char *path = xasprintf("%s/%s", directory, names[i]);

		unlink(path);
		free(path);
	}
	return rmdir(directory);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(file_of_ours, fresh_environment),
		cmocka_unit_test_setup(environment, fresh_environment),
		cmocka_unit_test_setup(profiles, fresh_environment),
		cmocka_unit_test_setup(command_words, fresh_environment),
		cmocka_unit_test_setup(container, fresh_environment),
		cmocka_unit_test_setup(instance, fresh_environment),
		cmocka_unit_test_setup(instance_without_tokens, fresh_environment),
		cmocka_unit_test_setup(web_identity, fresh_environment),
		cmocka_unit_test(near_and_far),
		cmocka_unit_test_setup(who_inherits, fresh_environment),
	};

	return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
