/*
 * Requests to an object store, to a server that does what the test says: what
 * each answer means, and what is put right before a request is sent again.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "bucket_session.h"
#include "http_script.h"
#include "memory.h"
#include "request_tries.h"
#include "s3.h"

#define EMPTY_OK "HTTP/1.1 200 OK\r\nETag: \"1\"\r\nContent-Length: 0\r\n\r\n"

static int patience = 0; /* seconds */
static Leases *rests_on; /* of the requests */
static const StoreSign none = {NULL, NULL};
static const HttpOptions plain = {.proxy = "", .silent_seconds = 1};

/* An answer with this status and body, as the client has it. */
static BucketVerdict
verdict_on(int status, const char *body, const StoreSign *sign)
{
	HttpAnswer answer;
	BucketVerdict verdict;

	http_answer_init(&answer);
	answer.status = status;
	buffer_append_string(&answer.body, body);
	verdict = bucket_judge(&s3_errors, "PUT objects/ab", sign, HTTP_ANSWERED, &answer);
	http_answer_free(&answer);
	return verdict;
}

static void
codes_of_answers(void **state)
{
	static const struct
	{
		int status;
		const char *body;
		const char *root;
		StoreCode code;
		Remedy remedy;
	} cases[] = {
		{200, "", NULL, STORE_OK, NO_REMEDY},
		{204, "", NULL, STORE_OK, NO_REMEDY},
		{200, "<DeleteResult/>", "DeleteResult", STORE_OK, NO_REMEDY},
		/* An error that comes with "200 OK", alone or in place of the answer; half an answer. */
		{200, "<?xml version=\"1.0\"?><Error><Code>InternalError</Code></Error>", NULL,
		 STORE_UNKNOWN_OUTCOME, NO_REMEDY},
		{200, "<Error><Code>SlowDown</Code></Error>", "DeleteResult", STORE_UNREACHABLE, NO_REMEDY},
		{200, "<DeleteResult>", "DeleteResult", STORE_UNKNOWN_OUTCOME, NO_REMEDY},
		{200, "", "DeleteResult", STORE_UNKNOWN_OUTCOME, NO_REMEDY},
		{200, "<html>Welcome</html>", "DeleteResult", STORE_UNKNOWN_OUTCOME, NO_REMEDY},
		/* The code decides, not the status. */
		{400, "<Error><Code>RequestTimeout</Code></Error>", NULL, STORE_UNKNOWN_OUTCOME, NO_REMEDY},
		{400, "<Error><Code>ExpiredToken</Code></Error>", NULL, STORE_DENIED, RENEW_CREDENTIALS},
		{400, "<Error><Code>BadDigest</Code></Error>", NULL, STORE_UNREACHABLE, NO_REMEDY},
		{403, "<Error><Code>RequestTimeTooSkewed</Code></Error>", NULL, STORE_DENIED, SET_CLOCK},
		{403, "<Error><Code>AccessDenied</Code></Error>", NULL, STORE_DENIED, NO_REMEDY},
		{404, "<Error><Code>NoSuchKey</Code></Error>", NULL, STORE_ABSENT, NO_REMEDY},
		/* Not "absent": a wrong name of the bucket must not look like an empty repository. */
		{404, "<Error><Code>NoSuchBucket</Code></Error>", NULL, STORE_FAILED, NO_REMEDY},
		{409, "<Error><Code>ConditionalRequestConflict</Code></Error>", NULL, STORE_UNREACHABLE,
		 NO_REMEDY},
		{301, "<Error><Code>PermanentRedirect</Code><Region>eu-west-1</Region></Error>", NULL,
		 STORE_DENIED, CHANGE_REGION},
		{301, "<Error><Code>PermanentRedirect</Code></Error>", NULL, STORE_DENIED, NO_REMEDY},
		{301, "<Error><Code>PermanentRedirect</Code><Region>x/../y</Region></Error>", NULL,
		 STORE_DENIED, NO_REMEDY},
		{412, "<Error><Code>PreconditionFailed</Code></Error>", NULL, STORE_EXISTS, NO_REMEDY},
		{416, "<Error><Code>InvalidRange</Code></Error>", NULL, STORE_DAMAGED, NO_REMEDY},
		/* What is there only S3 can know: others who answer have only a status. */
		{404, "", NULL, STORE_UNKNOWN_OUTCOME, NO_REMEDY},
		{404, "404 page not found", NULL, STORE_UNKNOWN_OUTCOME, NO_REMEDY},
		{404, "<Code>NoSuchKey</Code>", NULL, STORE_UNKNOWN_OUTCOME, NO_REMEDY},
		{412, "", NULL, STORE_UNKNOWN_OUTCOME, NO_REMEDY},
		{416, "<html>no</html>", NULL, STORE_UNKNOWN_OUTCOME, NO_REMEDY},
		{200, "<html>We will be back</html>", NULL, STORE_UNKNOWN_OUTCOME, NO_REMEDY},
		/* For what says nothing about a file the status has to do. */
		{503, "<html>Overloaded</html>", NULL, STORE_UNREACHABLE, NO_REMEDY},
		{500, "", NULL, STORE_UNKNOWN_OUTCOME, NO_REMEDY},
		{507, "", NULL, STORE_FULL, NO_REMEDY},
		{418, "", NULL, STORE_FAILED, NO_REMEDY},
	};
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		const StoreSign sign = {cases[i].root, NULL};
		BucketVerdict verdict = verdict_on(cases[i].status, cases[i].body, &sign);

		if (verdict.result.code != cases[i].code || verdict.remedy != cases[i].remedy)
			fail_msg("%d %s: code %d, remedy %d", cases[i].status, cases[i].body,
					 verdict.result.code, verdict.remedy);
	}
}

/* Words of the server are shown, but not what would steer a terminal. */
static void
text_of_errors(void **state)
{
	BucketVerdict verdict =
		verdict_on(403,
				   "<Error><Code>AccessDenied</Code>"
				   "<Message>no&#10;way</Message><RequestId>7</RequestId></Error>",
				   &none);

	(void) state;
	assert_string_equal(verdict.result.text,
						"PUT objects/ab: 403 AccessDenied: no\\x0away (request 7)");
	assert_non_null(verdict.result.hint);
}

/* A source of keys that counts; each new one has another token. */
typedef struct Source
{
	int asked;
	bool fails;
} Source;

static bool
count_keys(void *argument, bool renew, AccessKeys *keys, char **problem)
{
	Source *source = argument;

	(void) renew;
	if (source->fails)
	{
		*problem = xstrdup("no keys today");
		return false;
	}
	source->asked++;
	keys->access_key = xstrdup("AK");
	keys->secret_key = xstrdup("SK");
	keys->token = xasprintf("token-%d", source->asked);
	return true;
}

static BucketSession *
session_with(const Script *script, Source *source)
{
	const BucketAddress address = {.scheme = "http",
								   .authority = script->origin + strlen("http://"),
								   .bucket = "bucket",
								   .region = "us-east-1"};

	return bucket_session_open(&s3_dialect, &address, &plain, patience, count_keys, source);
}

/* Send one PUT to a server with these answers; what was asked is in *requests (to be freed). */
static StoreResult
put_once(const char *const *answers, int count, Source *source, char **requests, long *difference)
{
	Script script = {.connections = 1, .hold_open = true};
	BucketRequest request = {.method = "PUT",
							 .key = "a b",
							 .body = "x",
							 .body_length = 1,
							 .sign = {.header = "etag"},
							 .leases = rests_on};
	BucketSession *session;
	BucketReply reply;
	StoreResult result;
	int i;

	for (i = 0; i < count; i++)
		script.answers[i] = answers[i];
	script_start(&script);
	session = session_with(&script, source);
	bucket_reply_init(&reply);
	bucket_send(session, &request, &reply);
	result = reply.result;
	if (difference != NULL)
		*difference = bucket_clock_difference(session);
	bucket_reply_free(&reply);
	bucket_session_close(session);
	*requests = xstrdup(script.requests.length > 0 ? script.requests.data : "");
	script_finish(&script);
	return result;
}

static int
count_of(const char *text, const char *word)
{
	int count = 0;

	while ((text = strstr(text, word)) != NULL)
	{
		count++;
		text += strlen(word);
	}
	return count;
}

static void
signed_headers(void **state)
{
	static const char *const answers[] = {EMPTY_OK};
	Source source = {0, false};
	char *requests;

	(void) state;
	assert_int_equal(put_once(answers, 1, &source, &requests, NULL).code, STORE_OK);
	assert_ptr_equal(strstr(requests, "PUT /bucket/a%20b HTTP/1.1\r\n"), requests);
	assert_non_null(strstr(
		requests, "SignedHeaders=host;x-amz-content-sha256;x-amz-date;x-amz-security-token, "));
	assert_non_null(strstr(requests, "\r\nx-amz-security-token: token-1\r\n"));
	assert_non_null(strstr(requests,
						   "\r\nx-amz-content-sha256: "
						   "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881\r\n"));
	free(requests);
}

static void
expired_token(void **state)
{
	static const char expired[] = "HTTP/1.1 400 Bad\r\nContent-Length: 44\r\n\r\n"
								  "<Error><Code>ExpiredToken</Code></Error>    ";
	static const char *const once[] = {expired, EMPTY_OK};
	static const char *const always[] = {expired, expired, expired, expired, expired, expired};
	Source source = {0, false};
	char *requests;

	(void) state;
	assert_int_equal(put_once(once, 2, &source, &requests, NULL).code, STORE_OK);
	assert_int_equal(source.asked, 2);
	assert_int_equal(count_of(requests, "x-amz-security-token: token-1\r\n"), 1);
	assert_int_equal(count_of(requests, "x-amz-security-token: token-2\r\n"), 1);
	free(requests);

	/* It ends. */
	source.asked = 0;
	assert_int_equal(put_once(always, 6, &source, &requests, NULL).code, STORE_DENIED);
	assert_int_equal(source.asked, 4);
	free(requests);
}

static void
no_keys(void **state)
{
	Source source = {0, true};
	StoreResult result;
	char *requests;

	(void) state;
	result = put_once(NULL, 0, &source, &requests, NULL);
	assert_int_equal(result.code, STORE_DENIED);
	assert_string_equal(result.text, "no keys today");
	assert_string_equal(requests, "");
	free(requests);
}

static void
other_clock(void **state)
{
	static const char *const answers[] = {
		"HTTP/1.1 403 Skewed\r\nDate: Fri, 01 Jan 2038 00:00:00 GMT\r\nContent-Length: 48\r\n\r\n"
		"<Error><Code>RequestTimeTooSkewed</Code></Error>",
		EMPTY_OK};
	Source source = {0, false};
	long difference;
	char *requests;

	(void) state;
	assert_int_equal(put_once(answers, 2, &source, &requests, &difference).code, STORE_OK);
	assert_int_equal(count_of(requests, "x-amz-date: 20380101T0000"), 1);
	assert_true(difference > 0);
	free(requests);
}

static void
other_region(void **state)
{
	static const char *const answers[] = {
		"HTTP/1.1 301 Moved\r\nx-amz-bucket-region: eu-west-1\r\nContent-Length: 0\r\n\r\n",
		EMPTY_OK};
	static const char *const no_way_out[] = {
		"HTTP/1.1 301 Moved\r\nx-amz-bucket-region: us-east-1\r\nContent-Length: 0\r\n\r\n"};
	Source source = {0, false};
	char *requests;

	(void) state;
	assert_int_equal(put_once(answers, 2, &source, &requests, NULL).code, STORE_OK);
	assert_int_equal(count_of(requests, "/eu-west-1/s3/aws4_request"), 1);
	free(requests);
	assert_int_equal(put_once(no_way_out, 1, &source, &requests, NULL).code, STORE_DENIED);
	free(requests);
}

/* What takes patience is sent again as long as there is any. */
static void
slow_down(void **state)
{
	static const char slow[] = "HTTP/1.1 503 Slow Down\r\nContent-Length: 0\r\n\r\n";
	static const char *const twice[] = {slow, slow, EMPTY_OK};
	static const char *const later[] = {
		"HTTP/1.1 503 Slow Down\r\nRetry-After: 60\r\nContent-Length: 0\r\n\r\n"};
	Source source = {0, false};
	StoreResult result;
	char *requests;

	(void) state;
	patience = 30;
	result = put_once(twice, 3, &source, &requests, NULL);
	assert_int_equal(result.code, STORE_OK);
	assert_int_equal(result.tries, 3);
	free(requests);

	/* The server wants a pause that is longer than all patience. */
	assert_int_equal(put_once(later, 1, &source, &requests, NULL).code, STORE_UNREACHABLE);
	free(requests);

	/* What will not be different is not tried. */
	result = put_once((const char *const[]){"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n"}, 1,
					  &source, &requests, NULL);
	assert_int_equal(result.code, STORE_DENIED);
	assert_int_equal(count_of(requests, "PUT "), 1);
	free(requests);
	patience = 0;
}

/* Whatever is in between may say "200 OK"; S3 says which version it has stored. */
static void
stored_without_version(void **state)
{
	static const char anybody[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
	static const char *const once[] = {anybody, EMPTY_OK};
	Source source = {0, false};
	StoreResult result;
	char *requests;

	(void) state;
	result = put_once(once, 1, &source, &requests, NULL);
	assert_int_equal(result.code, STORE_UNKNOWN_OUTCOME);
	assert_non_null(result.hint);
	free(requests);
	patience = 30;
	result = put_once(once, 2, &source, &requests, NULL);
	assert_int_equal(result.code, STORE_OK);
	assert_int_equal(count_of(requests, "PUT "), 2);
	free(requests);
	patience = 0;
}

/* What others achieve gives a request that always fails no more time, and many do not take theirs
 * each. */
static void
each_its_own_time(void **state)
{
	const StoreResult refused = {.code = STORE_UNREACHABLE};
	const StoreResult good = {.code = STORE_OK};
	Patience *shared = patience_create(1, NULL);
	Tries tries, other;
	int i;

	(void) state;
	tries_begin(&tries, shared);
	while (tries_again(&tries, &refused, 0))
	{
		tries_begin(&other, shared);
		assert_false(tries_again(&other, &good, 0));
		assert_true(tries.count < 1000);
	}
	for (i = 0; i < 1000; i++)
	{
		tries_begin(&tries, shared);
		while (tries_again(&tries, &refused, 0))
			;
	}
	assert_int_equal(tries.count, 1);

	/* The outage is over. */
	for (i = 0; i < 100; i++)
	{
		tries_begin(&tries, shared);
		assert_true(tries.seconds < 0.1 || i >= 10);
		assert_false(tries_again(&tries, &good, 0));
	}
	assert_true(tries.seconds == 1);
	patience_free(shared);
}

static StoreResult
create_lease(void *argument, const char *path, const char *text, char version[LEASE_VERSION_SIZE])
{
	(void) argument;
	(void) path;
	(void) text;
	version[0] = '\0';
	return store_ok();
}

static StoreResult
replace_lease(void *argument, const char *path, const char *text, char version[LEASE_VERSION_SIZE])
{
	(void) path;
	(void) text;
	(void) version;
	return *(bool *) argument ? store_failure(STORE_CHANGED, NULL, "it is another's") : store_ok();
}

static StoreResult
remove_lease(void *argument, const char *path)
{
	(void) argument;
	(void) path;
	return store_ok();
}

/* What only the holder of a lock may do is not sent again when the lock was lost meanwhile. */
static void
lease_was_lost(void **state)
{
	static const char slow[] = "HTTP/1.1 503 Slow Down\r\nContent-Length: 0\r\n\r\n";
	static const char *const once[] = {slow, EMPTY_OK};
	bool lost = false;
	const LeaseStore store = {.argument = &lost,
							  .create = create_lease,
							  .replace = replace_lease,
							  .remove = remove_lease};
	Source source = {0, false};
	char *requests;
	int handle;

	(void) state;
	patience = 30;
	rests_on = leases_open(&store, LEASE_SECONDS);
	assert_int_equal(leases_take(rests_on, "lock", LOCK_ALONE, &handle).code, STORE_OK);
	assert_int_equal(put_once(once, 2, &source, &requests, NULL).code, STORE_OK);
	free(requests);
	leases_give_back(rests_on, handle);
	assert_int_equal(leases_take(rests_on, "lock", LOCK_ALONE, &handle).code, STORE_OK);
	lost = true;
	assert_int_equal(put_once(once, 2, &source, &requests, NULL).code, STORE_UNREACHABLE);
	assert_int_equal(count_of(requests, "PUT "), 1);
	free(requests);
	/* What stood in a queue meanwhile is not sent at all. */
	assert_int_equal(put_once(once, 2, &source, &requests, NULL).code, STORE_FAILED);
	assert_int_equal(count_of(requests, "PUT "), 0);
	free(requests);
	leases_close(rests_on);
	rests_on = NULL;
	patience = 0;
}

/* Many threads find their token expired at once; it is renewed once. */
static void *
put_in_thread(void *argument)
{
	BucketRequest request = {.method = "PUT", .key = "k", .body = "x", .body_length = 1};
	BucketReply reply;
	bool good;

	bucket_reply_init(&reply);
	good = bucket_send(argument, &request, &reply);
	bucket_reply_free(&reply);
	return good ? argument : NULL;
}

static void
keys_are_shared(void **state)
{
	Script script = {.connections = 8};
	Source source = {0, false};
	BucketSession *session;
	pthread_t threads[4];
	int i;

	(void) state;
	for (i = 0; i < 8; i += 2)
		script.answers[i] = EMPTY_OK;
	script_start(&script);
	session = session_with(&script, &source);
	for (i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, put_in_thread, session), 0);
	for (i = 0; i < 4; i++)
	{
		void *good;

		pthread_join(threads[i], &good);
		assert_non_null(good);
	}
	assert_int_equal(source.asked, 1);
	bucket_session_close(session);
	script_finish(&script);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(codes_of_answers),
		cmocka_unit_test(text_of_errors),
		cmocka_unit_test(signed_headers),
		cmocka_unit_test(expired_token),
		cmocka_unit_test(no_keys),
		cmocka_unit_test(other_clock),
		cmocka_unit_test(other_region),
		cmocka_unit_test(slow_down),
		cmocka_unit_test(stored_without_version),
		cmocka_unit_test(each_its_own_time),
		cmocka_unit_test(lease_was_lost),
		cmocka_unit_test(keys_are_shared),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
