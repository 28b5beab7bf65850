/* Where a repository is, as it is written: what is a path, what is a bucket, and what is refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "location.h"
#include "shown_value.h"

static void
directories(void **state)
{
	static const struct
	{
		const char *text;
		const char *directory;
	} cases[] = {{"/srv/backup", "/srv/backup"},
				 {"relative", "relative"},
				 {"./s3:", "./s3:"},
				 {"/odd://name", "/odd://name"},
				 {"file:///srv/backup", "/srv/backup"}};
	Location location;
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		assert_null(location_parse(cases[i].text, &location));
		assert_int_equal(location.kind, LOCATION_DIRECTORY);
		assert_string_equal(location.directory, cases[i].directory);
		location_free(&location);
	}
}

static void
buckets(void **state)
{
	static const struct
	{
		const char *text;
		LocationKind kind;
		const char *account;
		const char *bucket;
		const char *prefix;
	} cases[] = {{"s3://abc", LOCATION_S3, NULL, "abc", ""},
				 {"s3://abc/", LOCATION_S3, NULL, "abc", ""},
				 {"s3://my.bucket-1/a", LOCATION_S3, NULL, "my.bucket-1", "a"},
				 {"s3://abc/a/b c/é/", LOCATION_S3, NULL, "abc", "a/b c/é"},
				 {"s3://abc/...", LOCATION_S3, NULL, "abc", "..."},
				 {"azure://account1/abc", LOCATION_AZURE, "account1", "abc", ""},
				 {"azure://account1/abc/a/b/", LOCATION_AZURE, "account1", "abc", "a/b"},
				 {"gs://my.bucket/a", LOCATION_GOOGLE, NULL, "my.bucket", "a"}};
	Location location;
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		assert_null(location_parse(cases[i].text, &location));
		assert_int_equal(location.kind, cases[i].kind);
		if (cases[i].account == NULL)
			assert_null(location.account);
		else
			assert_string_equal(location.account, cases[i].account);
		assert_string_equal(location.bucket, cases[i].bucket);
		assert_string_equal(location.prefix, cases[i].prefix);
		location_free(&location);
	}
}

/* Servers of SFTP: who, where, and a path from the root or from where a user begins. */
static void
sftp(void **state)
{
	static const struct
	{
		const char *text;
		const char *user;
		const char *host;
		int port;
		const char *path;
	} cases[] = {
		{"sftp://host/srv/backup", NULL, "host", 0, "/srv/backup"},
		{"sftp://pg@nas-1.example.com:2222/a/", "pg", "nas-1.example.com", 2222, "/a"},
		{"sftp://host/~/backup", NULL, "host", 0, "~/backup"},
		{"sftp://host/~", NULL, "host", 0, "~"},
		{"sftp://host/~x/y", NULL, "host", 0, "/~x/y"},
		{"sftp://host/", NULL, "host", 0, "/"},
		{"sftp://[2001:db8::1]:22/x", NULL, "2001:db8::1", 22, "/x"},
		{"sftp://pg@[::1]/x y", "pg", "::1", 0, "/x y"},
	};
	Location location;
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		assert_null(location_parse(cases[i].text, &location));
		assert_int_equal(location.kind, LOCATION_SFTP);
		if (cases[i].user == NULL)
			assert_null(location.account);
		else
			assert_string_equal(location.account, cases[i].user);
		assert_string_equal(location.bucket, cases[i].host);
		assert_int_equal(location.port, cases[i].port);
		assert_string_equal(location.prefix, cases[i].path);
		location_free(&location);
	}
}

/* Nothing that would lead out of the prefix, hide a secret in a location, or mean another place
 * later. */
static void
refused(void **state)
{
	static const char *const texts[] = {"s3:/abc/x",
										"s3:abc",
										"Azure:/a/b",
										"s3://",
										"s3:///abc",
										"s3://ab",
										"s3://-abc",
										"s3://.abc/x",
										"s3://abc./x",
										"s3://a b c/x",
										"s3://user@abc/x",
										"s3://user:word@abc/x",
										"s3://abc/x?versionId=1",
										"s3://abc/x#y",
										"s3://abc/../x",
										"s3://abc/x/..",
										"s3://abc/./x",
										"s3://abc/x//y",
										"s3://abc//",
										"s3://abc/x\ny",
										"s3://abc/x\x7f",
										"S3://abc/x",
										"gs://user@abc/x",
										"azure://account",
										"azure://account/ab",
										"azure://Account/abc",
										"azure://my-account/abc",
										"azure://user@account/abc",
										"azure://account/abc/../x",
										"azure://account/abc?sig=x",
										"sftp://host",
										"sftp:///x",
										"sftp://user:word@host/x",
										"sftp://-oProxyCommand=x/y",
										"sftp://-l@host/x",
										"sftp://@host/x",
										"sftp://us er@host/x",
										"sftp://ho;st/x",
										"sftp://host:/x",
										"sftp://host:0/x",
										"sftp://host:65536/x",
										"sftp://host:22x/y",
										"sftp://[::1/x",
										"sftp://[::1]x/y",
										"sftp://[]/x",
										"sftp://host/../x",
										"sftp://host/~/../x",
										"sftp://host/x//y",
										"sftp://host/x?y",
										"sftp://host/x\ny",
										"https://abc/x",
										"file://srv/backup"};
	Location location;
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
	{
		if (location_parse(texts[i], &location) == NULL)
			fail_msg("%s is taken for a location", texts[i]);
	}
}

/* What is refused is shown without what may be a secret. */
static void
shown(void **state)
{
	static const char *const cases[][2] = {
		{"s3://AKIA:secret@bucket/p", "s3://***@bucket/p"},
		{"s3://AKIA:sec/r@t@bucket/p", "s3://***@bucket/p"},
		{"https://token@host", "https://***@host"},
		{"user:secret@proxy:3128", "***@proxy:3128"},
		{"azure://account/c?sv=1&sig=secret", "azure://account/c?***"},
		{"https://u:p@host/?sig=secret#x", "https://***@host/?***"},
		{"s3://bucket", "s3://bucket"},
		{"sftp://user@host:22/x", "sftp://user@host:22/x"},
		{"sftp://user:secret@host/x", "sftp://***@host/x"},
		{"/srv/a@b?c", "/srv/a@b?c"},
		{"backup@example.com", "backup@example.com"},
		{"", ""},
	};
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		char *text = shown_value(cases[i][0]);

		assert_string_equal(text, cases[i][1]);
		free(text);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(directories), cmocka_unit_test(buckets), cmocka_unit_test(sftp),
		cmocka_unit_test(refused),     cmocka_unit_test(shown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
