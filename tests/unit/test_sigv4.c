/*
 * Signatures of requests, against the examples that AWS has published: those of
 * "Authenticating Requests" in the S3 API Reference, and of its test suite for
 * Signature Version 4 where the rules of S3 are the same.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "digest.h"
#include "sigv4.h"

#define EMPTY "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const SigCredentials s3 = {SIG_AWS4, "AKIAIOSFODNN7EXAMPLE",
								  "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "us-east-1", "s3"};
static const SigCredentials suite = {
	SIG_AWS4, "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "us-east-1", "service"};

#define S3_TIME 1369353600    /* 2013-05-24 00:00:00 */
#define SUITE_TIME 1440938160 /* 2015-08-30 12:36:00 */

#define S3_HOST                                                                                    \
	{                                                                                              \
		"host", "examplebucket.s3.amazonaws.com"                                                   \
	}
#define S3_DATE                                                                                    \
	{                                                                                              \
		"x-amz-date", "20130524T000000Z"                                                           \
	}
#define S3_EMPTY                                                                                   \
	{                                                                                              \
		"x-amz-content-sha256", EMPTY                                                              \
	}

static void
expect_signature(const SigCredentials *credentials, const SigRequest *request,
				 const char *signature)
{
	Buffer value;
	const char *found;

	buffer_init(&value);
	assert_true(sig_append_authorization(credentials, request, &value));
	found = strstr(value.data, ", Signature=");
	assert_non_null(found);
	assert_string_equal(found + strlen(", Signature="), signature);
	buffer_free(&value);
}

static void
expect_target(const SigRequest *request, const char *target)
{
	Buffer text;

	buffer_init(&text);
	sig_append_target(request, &text);
	assert_string_equal(text.data, target);
	buffer_free(&text);
}

static void
published_get(void **state)
{
	static const HttpPair headers[] = {S3_HOST, {"range", "bytes=0-9"}, S3_EMPTY, S3_DATE};
	const SigRequest request = {.method = "GET",
								.path = "/test.txt",
								.headers = headers,
								.header_count = COUNT(headers),
								.payload_sha256 = EMPTY,
								.when = S3_TIME};
	Buffer value;

	(void) state;
	buffer_init(&value);
	assert_true(sig_append_authorization(&s3, &request, &value));
	assert_string_equal(value.data,
						"AWS4-HMAC-SHA256 "
						"Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, "
						"SignedHeaders=host;range;x-amz-content-sha256;x-amz-date, "
						"Signature="
						"f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
	buffer_free(&value);
}

static void
published_put(void **state)
{
	DigestHex digest;
	HttpPair headers[] = {{"x-amz-storage-class", "REDUCED_REDUNDANCY"},
						  {"x-amz-content-sha256", digest},
						  S3_DATE,
						  S3_HOST,
						  {"date", "Fri, 24 May 2013 00:00:00 GMT"}};
	const SigRequest request = {.method = "PUT",
								.path = "/test$file.text",
								.headers = headers,
								.header_count = COUNT(headers),
								.payload_sha256 = digest,
								.when = S3_TIME};

	(void) state;
	assert_true(digest_buffer("Welcome to Amazon S3.", 21, digest));
	expect_target(&request, "/test%24file.text");
	expect_signature(&s3, &request,
					 "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd");
}

static void
published_queries(void **state)
{
	static const HttpPair headers[] = {S3_HOST, S3_EMPTY, S3_DATE};
	static const HttpPair lifecycle[] = {{"lifecycle", ""}};
	static const HttpPair list[] = {{"prefix", "J"}, {"max-keys", "2"}};
	SigRequest request = {.method = "GET",
						  .path = "/",
						  .query = lifecycle,
						  .query_count = 1,
						  .headers = headers,
						  .header_count = COUNT(headers),
						  .payload_sha256 = EMPTY,
						  .when = S3_TIME};

	(void) state;
	expect_target(&request, "/?lifecycle=");
	expect_signature(&s3, &request,
					 "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543");
	request.query = list;
	request.query_count = COUNT(list);
	expect_target(&request, "/?max-keys=2&prefix=J");
	expect_signature(&s3, &request,
					 "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7");
}

static void
published_suite(void **state)
{
	static const HttpPair plain[] = {{"x-amz-date", "20150830T123600Z"},
									 {"host", "example.amazonaws.com"}};
	static const HttpPair blanks[] = {{"host", "example.amazonaws.com"},
									  {"my-header1", " value1"},
									  {"my-header2", " \"a   b   c\""},
									  {"x-amz-date", "20150830T123600Z"}};
	static const HttpPair query[] = {{"Param2", "value2"}, {"Param1", "value1"}};
	SigRequest request = {.method = "GET",
						  .path = "/",
						  .headers = plain,
						  .header_count = COUNT(plain),
						  .payload_sha256 = EMPTY,
						  .when = SUITE_TIME};

	(void) state;
	expect_signature(&suite, &request,
					 "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31");
	request.query = query;
	request.query_count = COUNT(query);
	expect_signature(&suite, &request,
					 "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500");
	request.query_count = 0;
	request.headers = blanks;
	request.header_count = COUNT(blanks);
	expect_signature(&suite, &request,
					 "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736");
}

/* What curl's own signer had wrong: sorting before encoding, and characters that must be encoded.
 */
static void
encoded_before_sorted(void **state)
{
	static const HttpPair query[] = {{"prefix", "many/ é+"}, {"a~", "2"}, {"a=", "1"}, {"a", "~"}};
	SigRequest request = {.method = "GET",
						  .path = "/my%C3%A9 db/=+%*'()",
						  .query = query,
						  .query_count = COUNT(query)};

	(void) state;
	expect_target(&request, "/my%25C3%25A9%20db/%3D%2B%25%2A%27%28%29"
							"?a=~&a%3D=1&a~=2&prefix=many%2F%20%C3%A9%2B");
}

/* Of two headers, one of which begins with the name of the other, the shorter is the first. */
static void
headers_by_name(void **state)
{
	static const HttpPair headers[] = {{"x-amz-meta-a-b", "2"}, {"x-amz-meta-a", "1"}, S3_HOST};
	const SigRequest request = {.method = "GET",
								.path = "/",
								.headers = headers,
								.header_count = COUNT(headers),
								.payload_sha256 = EMPTY,
								.when = S3_TIME};
	Buffer value;

	(void) state;
	buffer_init(&value);
	assert_true(sig_append_authorization(&s3, &request, &value));
	assert_non_null(
		strstr(value.data, "SignedHeaders=host;x-amz-meta-a;x-amz-meta-a-b, Signature="));
	buffer_free(&value);
}

/* Google's words go into the scope and into the key; nothing else differs. */
static void
dialect_of_google(void **state)
{
	static const HttpPair headers[] = {S3_HOST, {"x-goog-date", "20130524T000000Z"}};
	const SigRequest request = {.method = "GET",
								.path = "/",
								.headers = headers,
								.header_count = COUNT(headers),
								.payload_sha256 = EMPTY,
								.when = S3_TIME};
	SigCredentials credentials = s3;
	Buffer google, amazon;

	(void) state;
	credentials.dialect = SIG_GOOG4;
	credentials.region = "auto";
	credentials.service = "storage";
	buffer_init(&google);
	buffer_init(&amazon);
	assert_true(sig_append_authorization(&credentials, &request, &google));
	assert_ptr_equal(
		google.data,
		strstr(google.data,
			   "GOOG4-HMAC-SHA256 "
			   "Credential=AKIAIOSFODNN7EXAMPLE/20130524/auto/storage/goog4_request, "));
	credentials.dialect = SIG_AWS4;
	assert_true(sig_append_authorization(&credentials, &request, &amazon));
	assert_string_not_equal(strstr(google.data, "Signature="), strstr(amazon.data, "Signature="));
	buffer_free(&google);
	buffer_free(&amazon);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(published_get),         cmocka_unit_test(published_put),
		cmocka_unit_test(published_queries),     cmocka_unit_test(published_suite),
		cmocka_unit_test(encoded_before_sorted), cmocka_unit_test(headers_by_name),
		cmocka_unit_test(dialect_of_google),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
