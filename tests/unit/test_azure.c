/*
 * Azure's blobs: signatures, against the examples that Microsoft has published
 * of what is signed; keys and tokens as they are shown; answers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "azure.h"
#include "azure_credentials.h"
#include "azure_sign.h"
#include "bucket_session.h"
#include "http_script.h"
#include "list_page.h"
#include "memory.h"

/* The bytes 0 to 63. */
#define KEY                                                                                        \
	"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0+Pw=="

static void
expect_text(const AzureRequest *request, const char *expected)
{
	Buffer text;

	buffer_init(&text);
	azure_append_text_to_sign(request, &text);
	assert_string_equal(text.data, expected);
	buffer_free(&text);
}

/* "Authorize with Shared Key": Get Container Metadata, List Blobs, and a PUT with all that we send.
 */
static void
what_is_signed(void **state)
{
	static const HttpPair headers[] = {{"x-ms-version", "2015-02-21"},
									   {"x-ms-date", "Fri, 26 Jun 2015 23:39:12 GMT"}};
	static const HttpPair metadata[] = {
		{"restype", "container"}, {"comp", "metadata"}, {"timeout", "20"}};
	static const HttpPair list[] = {{"restype", "container"},
									{"comp", "list"},
									{"include", "metadata,snapshots,uncommittedblobs"}};
	static const HttpPair put[] = {{"x-ms-version", "2015-02-21"},
								   {"x-ms-blob-type", "BlockBlob"},
								   {"if-none-match", "*"},
								   {"content-md5", "1B2M2Y8AsgTpgAmY7PhCfg=="}};
	static const HttpPair range[] = {{"range", "bytes=0-9"}, {"if-match", "\"1\""}};
	Buffer value;
	AzureRequest request = {.method = "GET",
							.account = "myaccount",
							.path = "/mycontainer",
							.query = metadata,
							.query_count = 3,
							.headers = headers,
							.header_count = 2};

	(void) state;
	expect_text(&request, "GET\n\n\n\n\n\n\n\n\n\n\n\nx-ms-date:Fri, 26 Jun 2015 23:39:12 GMT\n"
						  "x-ms-version:2015-02-21\n/myaccount/mycontainer\ncomp:metadata\n"
						  "restype:container\ntimeout:20");
	buffer_init(&value);
	assert_true(azure_append_authorization(&request, KEY, &value));
	assert_string_equal(value.data,
						"SharedKey myaccount:ZfuQJIowrCGKlm/KTSTcA7Tx12MxVvDi2ryOPQQw7Gw=");
	buffer_reset(&value);
	assert_false(azure_append_authorization(&request, "no key", &value));
	buffer_free(&value);

	request.query = list;
	expect_text(&request, "GET\n\n\n\n\n\n\n\n\n\n\n\nx-ms-date:Fri, 26 Jun 2015 23:39:12 GMT\n"
						  "x-ms-version:2015-02-21\n/myaccount/mycontainer\ncomp:list\n"
						  "include:metadata,snapshots,uncommittedblobs\nrestype:container");
	request = (AzureRequest){.method = "PUT",
							 .account = "myaccount",
							 .path = "/mycontainer/a%20b",
							 .headers = put,
							 .header_count = 4,
							 .body_length = 12};
	expect_text(&request, "PUT\n\n\n12\n1B2M2Y8AsgTpgAmY7PhCfg==\n\n\n\n\n*\n\n\n"
						  "x-ms-blob-type:BlockBlob\nx-ms-version:2015-02-21\n"
						  "/myaccount/mycontainer/a%20b");
	request = (AzureRequest){
		.method = "GET", .account = "a", .path = "/c/k", .headers = range, .header_count = 2};
	expect_text(&request, "GET\n\n\n\n\n\n\n\n\"1\"\n\n\nbytes=0-9\n/a/c/k");
}

static void
times(void **state)
{
	char text[AZURE_TIME_SIZE];

	(void) state;
	azure_time(1435361952, text);
	assert_string_equal(text, "Fri, 26 Jun 2015 23:39:12 GMT");
}

/* Keys and signatures as Azure shows them, and what is neither. */
static void
texts_of_files(void **state)
{
	static const char *const bad[] = {"",       "key",       "sv=2021&sp=r", "sig=a b",
									  "sig=a#", "sig=\r\nx", "AAE"};
	char *problem = NULL;
	AccessKeys keys;
	size_t i;

	(void) state;
	assert_true(azure_keys_from_text(KEY, "it", &keys, &problem));
	assert_int_equal(keys.kind, ACCESS_KEY);
	assert_string_equal(keys.secret_key, KEY);
	assert_true(keys.expires == 0);
	access_keys_free(&keys);

	assert_true(azure_keys_from_text("?sv=2021-08-06&se=2026-12-01T00%3A00%3A00Z&sig=a%2Fb%3D",
									 "it", &keys, &problem));
	assert_int_equal(keys.kind, ACCESS_QUERY);
	assert_string_equal(keys.token, "sv=2021-08-06&se=2026-12-01T00%3A00%3A00Z&sig=a%2Fb%3D");
	assert_true(keys.expires == 1796083200);
	access_keys_free(&keys);

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
	{
		if (azure_keys_from_text(bad[i], "file \"x\"", &keys, &problem))
			fail_msg("\"%s\" is taken for a key", bad[i]);
		assert_string_equal(problem, "file \"x\" holds neither the key of a storage account nor a "
									 "shared access signature");
		free(problem);
	}
}

static void
answers(void **state)
{
	static const struct
	{
		int status;
		const char *code;
		StoreCode result;
		Remedy remedy;
	} cases[] = {{404, "BlobNotFound", STORE_ABSENT, NO_REMEDY},
				 {404, "ContainerNotFound", STORE_FAILED, NO_REMEDY},
				 {409, "BlobAlreadyExists", STORE_EXISTS, NO_REMEDY},
				 {412, "ConditionNotMet", STORE_EXISTS, NO_REMEDY},
				 {403, "AuthenticationFailed", STORE_DENIED, CLOCK_OR_TOKEN},
				 {401, "InvalidAuthenticationInfo", STORE_DENIED, CLOCK_OR_TOKEN},
				 {403, "AuthorizationPermissionMismatch", STORE_DENIED, NO_REMEDY},
				 {400, "Md5Mismatch", STORE_UNREACHABLE, NO_REMEDY},
				 {500, "OperationTimedOut", STORE_UNKNOWN_OUTCOME, NO_REMEDY},
				 {503, "ServerBusy", STORE_UNREACHABLE, NO_REMEDY},
				 {409, "BlobArchived", STORE_DENIED, NO_REMEDY},
				 {409, "Unheard", STORE_UNREACHABLE, NO_REMEDY}};
	const StoreSign sign = {.header = "etag"};
	HttpAnswer answer;
	size_t i;

	(void) state;
	http_answer_init(&answer);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		BucketVerdict verdict;

		/* In the body; in a header, as for HEAD. */
		answer.status = cases[i].status;
		buffer_reset(&answer.headers);
		buffer_reset(&answer.body);
		buffer_printf(&answer.body, "<Error><Code>%s</Code></Error>", cases[i].code);
		verdict = bucket_judge(&azure_errors, "GET x", &sign, HTTP_ANSWERED, &answer);
		if (verdict.result.code != cases[i].result || verdict.remedy != cases[i].remedy)
			fail_msg("%s: code %d, remedy %d", cases[i].code, verdict.result.code, verdict.remedy);
		buffer_reset(&answer.body);
		buffer_append(&answer.headers, "x-ms-error-code", sizeof("x-ms-error-code"));
		buffer_append(&answer.headers, cases[i].code, strlen(cases[i].code) + 1);
		verdict = bucket_judge(&azure_errors, "HEAD x", &sign, HTTP_ANSWERED, &answer);
		if (verdict.result.code != cases[i].result || verdict.remedy != cases[i].remedy)
			fail_msg("HEAD %s: code %d", cases[i].code, verdict.result.code);
	}
	http_answer_free(&answer);
}

/* A page with an object, a beginning, a directory of the account's own, and the next page's name.
 */
static void
listing(void **state)
{
	static const char body[] =
		"\xef\xbb\xbf<?xml version=\"1.0\" encoding=\"utf-8\"?>"
		"<EnumerationResults ContainerName=\"c\"><Prefix>p/</Prefix><Blobs>"
		"<Blob><Name>p/a%20&amp;</Name><Properties><Content-Length>12</Content-Length>"
		"<Last-Modified>Mon, 30 Nov 2026 01:59:00 GMT</Last-Modified></Properties></Blob>"
		"<Blob><Name>p/d</Name><Properties><Content-Length>0</Content-Length>"
		"<ResourceType>directory</ResourceType></Properties></Blob>"
		"<BlobPrefix><Name>p/b/</Name></BlobPrefix></Blobs>"
		"<NextMarker>2!76!x</NextMarker></EnumerationResults>";
	HttpAnswer answer;
	char *problem = NULL;
	ListPage page;

	(void) state;
	http_answer_init(&answer);
	buffer_append(&answer.headers, "Date\0Mon, 30 Nov 2026 02:00:00 GMT", 35);
	buffer_append_string(&answer.body, body);
	assert_true(list_page_read(azure_dialect.list, &answer, &page, &problem));
	assert_int_equal(page.count, 2);
	assert_string_equal(page.entries[0].name, "p/a%20&");
	assert_int_equal(page.entries[0].bytes, 12);
	assert_true(page.entries[0].age == 60);
	assert_string_equal(page.entries[1].name, "p/b/");
	assert_string_equal(page.next, "2!76!x");
	assert_true(page.truncated);
	list_page_free(&page);

	buffer_reset(&answer.body);
	buffer_append_string(&answer.body, "<EnumerationResults><Blobs/><NextMarker/>"
									   "</EnumerationResults>");
	assert_true(list_page_read(azure_dialect.list, &answer, &page, &problem));
	assert_false(page.truncated);
	list_page_free(&page);
	http_answer_free(&answer);
}

static bool
give_token(void *argument, bool renew, AccessKeys *keys, char **problem)
{
	int *asked = argument;

	(void) renew;
	(void) problem;
	*keys = (AccessKeys){
		.kind = ACCESS_BEARER, .token = xasprintf("token-%d", ++*asked), .expires = 4000000000};
	return true;
}

/* A token that has ended is renewed; what is sent has it, and the version of the protocol. */
static void
tokens(void **state)
{
	static const HttpOptions plain = {.proxy = "", .silent_seconds = 1};
	Script script = {.connections = 1,
					 .hold_open = true,
					 .answers = {"HTTP/1.1 401 No\r\nx-ms-error-code: InvalidAuthenticationInfo\r\n"
								 "Content-Length: 0\r\n\r\n",
								 "HTTP/1.1 201 OK\r\nContent-Length: 0\r\n\r\n"}};
	BucketAddress address = {.scheme = "http", .account = "account", .bucket = "container"};
	BucketRequest request = {.method = "PUT", .key = "a b", .body = "x", .body_length = 1};
	BucketSession *session;
	BucketReply reply;
	int asked = 0;

	(void) state;
	script_start(&script);
	address.authority = script.origin + strlen("http://");
	session = bucket_session_open(&azure_dialect, &address, &plain, 0, give_token, &asked);
	bucket_reply_init(&reply);
	assert_true(bucket_send(session, &request, &reply));
	assert_int_equal(asked, 2);
	assert_ptr_equal(strstr(script.requests.data, "PUT /account/container/a%20b HTTP/1.1\r\n"),
					 script.requests.data);
	assert_non_null(strstr(script.requests.data, "\r\nAuthorization: Bearer token-2\r\n"));
	assert_non_null(strstr(script.requests.data, "\r\nx-ms-blob-type: BlockBlob\r\n"));
	assert_non_null(strstr(script.requests.data, "\r\nx-ms-version: 20"));
	bucket_reply_free(&reply);
	bucket_session_close(session);
	script_finish(&script);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_signed), cmocka_unit_test(times),
		cmocka_unit_test(texts_of_files), cmocka_unit_test(answers),
		cmocka_unit_test(listing),        cmocka_unit_test(tokens),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
