/*
 * Google Cloud Storage: what a service account signs, against the example of
 * RFC 7515; keys in files; what is sent.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "bucket_session.h"
#include "google.h"
#include "google_assertion.h"
#include "google_credentials.h"
#include "http_script.h"
#include "memory.h"

/* RFC 7515, appendix A.2: key, what is signed, signature. */
static const char private_key[] =
	"-----BEGIN PRIVATE KEY-----\n"
	"MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQCh+BYK4uPJtGXO\n"
	"jS1lYmM2K5J9vinh8CR3/BYlzJChNuOL2TSXxbbqY913EeZ8dCn5VrD7io8ImtxL\n"
	"aYk8wTM/U+3QGbh3hCUv7JFP5IV3aVlL6kKA0ywPVb9ilE8TA5a8bpvfbr3SvaNn\n"
	"juygxmj3AbONv/s4yDQs4v5tJ/reSlpIdJed1LnPmt7Ex1sFhSwsD174pcF1A5L5\n"
	"ROjtZMEQxrZHYJqkeDrrnGya11UxMFBji4NmXG9veoKjlnAqH2QbgtPr8jkiGUkf\n"
	"toaHLFcW9Qr4NY2ai50Xw0Byj3+H2JoY2PyrZ62EWQwuz3WTOTY8BwNNb2BvniHg\n"
	"VFbK5emhAgMBAAECggEAEq5xpGnNCivDflJsRQBXHx1hdR1k6Ulwe2JZD50LpXyW\n"
	"PEAeP88vLNO97IjlA7/GQ5sLKMgvfTeXZx9SE+7YwVol2NXOoAJe46sui395IW/G\n"
	"O+pWJ1O0BkTGoVEn2bKVRUCgu+GjBVaYLU6f3l9kJfFNS3E0QbVdxzubSu3Mkqzj\n"
	"kn439X0M/V51gfpRLI9JYanrC4D4qAdGcopV/0ZHHzQlBjudU2QvXt4ehNYTCBr6\n"
	"XCLQUShb1juUO1ZdiYoFaFQT5Tw8bGUl/x/jTj3ccPDVZFD9pIuhLhBOneufuBiB\n"
	"4cS98l2SR/RQyGWSeWjnczT0QU91p1DhOVRuOopznQKBgQDgHMQQ60imZV1URk0K\n"
	"pLttoLhyt3SmqdEf/kgHePDdtzEafpAu+cS191R2JiuoF2yzWXnwFDcqGigp5BNr\n"
	"0AHQfD8/Lk8l1Mk09jxxCfui5nYooNyac8YFjm3vItzVCVDnEd3BbVWG8qf6deqE\n"
	"lMGAg+C2V0L4oNXnP7LZcPAZRwKBgQC5A8R+CZW2MvRTLLHzwZkUXV866cff7tx6\n"
	"kqa0finGG0KgeqlaZPxgCZnFp7AeAcCMtiynVlJ7vMVgePsLq6XtON4tB5kP9jAP\n"
	"rq3rbAOal78eUH5OcED6eNuCV8ixEu1eWcPNCS/l1OW1EnXUEoEHKl54Xrrz2uNw\n"
	"kgMTP1FZ1wKBgAcCn1dwJKufzBWQxWQp1vsM5fggqPN1qGb5y0MAk3g7/Ls5bkUp\n"
	"5u9SN0Ai3Ya6hNnvWJMb7sXQX6U/zyO2M/hTip7tUeh7CXgwo59dkpN75gJLVds2\n"
	"9+DAncu3KXU4f2Fa+7bLNrur53k8KwPOq2bbuTG69QtV7Jr5MR0AHWKNAoGBAIf/\n"
	"evpitUf+4JYbLpvNXWcY052Mpz22aR84mY3nh3F2LF2mjMJDpTg7FmuyPcVw6EcG\n"
	"yoAe9fa65iNqCq+jdw6PVNGo2hxfjSiZ8IIzHdsPXI89//pMjZcQK9r+CCoRjaZj\n"
	"OYiIDktVWZzmevJuv6WywUqd57LE3Zar3dLSIkx1AoGAIYd7DHOhrWvxkwPQsRM2\n"
	"tOgrjbcrfvtQJipd+DlcxyVuuM9sQLdgjVk2oy26F0EmpScGLq2MowX7fhd/QJQ3\n"
	"ydy5cY7YIBi87w93IKLEdfnbJtoOPLUW0ITrJReOgo1cq9SbsxYawBgfp/gh6A56\n"
	"03k2+ZQwVK0JKSHuLFkuQ3U=\n"
	"-----END PRIVATE KEY-----\n";
static const char signed_text[] =
	"eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA"
	"6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
static const char signature[] =
	"cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Q"
	"c_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTy"
	"WzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwu"
	"sC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5A"
	"XLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";

static void
signature_of_text(void **state)
{
	Buffer text;

	(void) state;
	buffer_init(&text);
	buffer_append_string(&text, signed_text);
	assert_true(rs256_append_signature(private_key, &text));
	assert_memory_equal(text.data, signed_text, strlen(signed_text));
	assert_int_equal(text.data[strlen(signed_text)], '.');
	assert_string_equal(text.data + strlen(signed_text) + 1, signature);
	buffer_reset(&text);
	assert_false(rs256_append_signature("no key", &text));
	assert_int_equal(text.length, 0);
	buffer_free(&text);
}

/* {"alg":"RS256","typ":"JWT"} or with "kid", and claims of one hour. */
static void
assertion(void **state)
{
	ServiceAccount account = {"a@b", NULL, private_key, "https://t"};
	Buffer text;

	(void) state;
	buffer_init(&text);
	assert_true(google_append_assertion(&account, 1000, &text));
	assert_memory_equal(text.data, "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.", 37);
	assert_non_null(strstr(text.data,
						   ".eyJpc3MiOiJhQGIiLCJzY29wZSI6Imh0dHBzOi8vd3d3Lmdvb2dsZWFwaXMuY29tL2F1d"
						   "GgvZGV2c3RvcmFnZS5yZWFkX3dyaXRlIiwiYXVkIjoiaHR0cHM6Ly90IiwiaWF0IjoxMDA"
						   "wLCJleHAiOjQ2MDB9."));
	buffer_reset(&text);
	account.key_id = "k";
	assert_true(google_append_assertion(&account, 1000, &text));
	assert_memory_equal(text.data, "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6ImsifQ.", 51);
	account.private_key = "";
	buffer_reset(&text);
	assert_false(google_append_assertion(&account, 1000, &text));
	assert_int_equal(text.length, 0);
	buffer_free(&text);
}

static void
keys_in_texts(void **state)
{
	static const char *const bad[] = {"", "GOOG1", "GOOG1 ", " GOOG1", "GOOG1 a b", "G#1 a"};
	AccessKeys keys;
	size_t i;

	(void) state;
	assert_true(google_hmac_key("GOOG1E\tbGoa+V7g/yqDXvKRqq+JTFn4uQZbPiQJo4pf9RzJ", &keys));
	assert_int_equal(keys.kind, ACCESS_KEY);
	assert_string_equal(keys.access_key, "GOOG1E");
	assert_string_equal(keys.secret_key, "bGoa+V7g/yqDXvKRqq+JTFn4uQZbPiQJo4pf9RzJ");
	access_keys_free(&keys);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
	{
		if (google_hmac_key(bad[i], &keys))
			fail_msg("\"%s\" is taken for a key", bad[i]);
	}
}

/* A key for the first session, tokens for the second. */
static bool
give_key(void *argument, bool renew, AccessKeys *keys, char **problem)
{
	(void) renew;
	(void) problem;
	*keys = argument != NULL ? (AccessKeys){.kind = ACCESS_KEY,
											.access_key = xstrdup("GOOG1"),
											.secret_key = xstrdup("secret")}
							 : (AccessKeys){.kind = ACCESS_BEARER, .token = xstrdup("token")};
	return true;
}

/* What a PUT looks like; to be freed. */
static char *
put_with(bool key)
{
	static const HttpOptions plain = {.proxy = "", .silent_seconds = 1};
	Script script = {
		.connections = 1,
		.hold_open = true,
		.answers = {"HTTP/1.1 200 OK\r\nx-goog-generation: 7\r\nContent-Length: 0\r\n\r\n"}};
	BucketAddress address = {.scheme = "http", .bucket = "bucket", .region = "auto"};
	BucketRequest request = {.method = "PUT",
							 .key = "a b",
							 .headers = &google_dialect.only_new,
							 .header_count = 1,
							 .body = "x",
							 .body_length = 1,
							 .sign = {.header = google_dialect.version}};
	BucketSession *session;
	BucketReply reply;
	char *requests;

	script_start(&script);
	address.authority = script.origin + strlen("http://");
	session =
		bucket_session_open(&google_dialect, &address, &plain, 0, give_key, key ? &script : NULL);
	bucket_reply_init(&reply);
	assert_true(bucket_send(session, &request, &reply));
	bucket_reply_free(&reply);
	bucket_session_close(session);
	requests = xstrdup(script.requests.data);
	script_finish(&script);
	return requests;
}

/* Google refuses requests with words of both. */
static void
what_is_sent(void **state)
{
	char *requests = put_with(true);

	(void) state;
	assert_ptr_equal(strstr(requests, "PUT /bucket/a%20b HTTP/1.1\r\n"), requests);
	assert_non_null(strstr(requests, "\r\nAuthorization: GOOG4-HMAC-SHA256 Credential=GOOG1/"));
	assert_non_null(strstr(requests, "/auto/storage/goog4_request, SignedHeaders=host;"
									 "x-goog-content-sha256;x-goog-date;"
									 "x-goog-if-generation-match, Signature="));
	assert_non_null(strstr(requests, "\r\nx-goog-if-generation-match: 0\r\n"));
	assert_null(strstr(requests, "x-amz"));
	free(requests);

	requests = put_with(false);
	assert_non_null(strstr(requests, "\r\nAuthorization: Bearer token\r\n"));
	assert_null(strstr(requests, "x-goog-date"));
	assert_null(strstr(requests, "x-amz"));
	free(requests);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(signature_of_text),
		cmocka_unit_test(assertion),
		cmocka_unit_test(keys_in_texts),
		cmocka_unit_test(what_is_sent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
