/*
 * Requests over HTTP, to a server that does what the test says, in a thread of
 * its own: what arrives there, and what becomes of each kind of bad answer.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "http.h"
#include "http_script.h"
#include "memory.h"

static HttpOutcome
get(HttpClient *client, const Script *script, HttpAnswer *answer)
{
	HttpRequest request = {.method = "GET", .origin = script->origin, .target = "/a%20b?x="};

	return http_send(client, &request, answer);
}

static const HttpOptions plain = {.proxy = "", .silent_seconds = 1};

static void
kept_connection(void **state)
{
	Script script = {
		.answers = {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nETag:  \"x y\" \r\n\r\nab",
					"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"},
		.connections = 1,
		.hold_open = true};
	HttpClient *client = http_open(&plain);
	HttpAnswer answer;

	(void) state;
	script_start(&script);
	http_answer_init(&answer);
	assert_int_equal(get(client, &script, &answer), HTTP_ANSWERED);
	assert_int_equal(answer.status, 200);
	assert_string_equal(answer.body.data, "ab");
	assert_string_equal(http_header(&answer, "etag"), "\"x y\"");
	assert_null(http_header(&answer, "tag"));
	assert_int_equal(get(client, &script, &answer), HTTP_ANSWERED);
	assert_int_equal(answer.status, 404);
	assert_int_equal(answer.body.length, 0);
	assert_null(http_header(&answer, "etag"));
	http_close(client);
	assert_ptr_equal(script.requests.data,
					 strstr(script.requests.data, "GET /a%20b?x= HTTP/1.1\r\n"));
	assert_int_equal(script.accepted, 1);
	script_finish(&script);
	http_answer_free(&answer);
}

/* Nothing is sent that a signature would not know, and nothing waits for a "100 Continue". */
static void
put_as_said(void **state)
{
	static const HttpPair headers[] = {{"x-amz-date", "20130524T000000Z"}, {"x-empty", ""}};
	Script script = {.answers = {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"}, .connections = 1};
	size_t length = 1500000;
	char *body = xcalloc(1, length);
	HttpRequest request = {.method = "PUT",
						   .target = "/../x",
						   .headers = headers,
						   .header_count = 2,
						   .body = body,
						   .body_length = length};
	HttpClient *client = http_open(&plain);
	HttpAnswer answer;

	(void) state;
	memset(body, 'b', length);
	script_start(&script);
	request.origin = script.origin;
	http_answer_init(&answer);
	assert_int_equal(http_send(client, &request, &answer), HTTP_ANSWERED);
	assert_ptr_equal(script.requests.data, strstr(script.requests.data, "PUT /../x HTTP/1.1\r\n"));
	assert_non_null(strstr(script.requests.data, "\r\nContent-Length: 1500000\r\n"));
	assert_non_null(strstr(script.requests.data, "\r\nx-amz-date: 20130524T000000Z\r\n"));
	assert_non_null(strstr(script.requests.data, "\r\nx-empty:\r\n"));
	assert_null(strstr(script.requests.data, "Expect"));
	assert_null(strstr(script.requests.data, "Content-Type"));
	assert_null(strstr(script.requests.data, "Accept-Encoding"));
	assert_memory_equal(strstr(script.requests.data, "\r\n\r\n") + 4, body, length);
	http_close(client);
	script_finish(&script);
	http_answer_free(&answer);
	free(body);
}

/* A kept connection that the server has closed meanwhile is not a failure. */
static void
closed_meanwhile(void **state)
{
	Script script = {.answers = {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", NULL,
								 "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"},
					 .connections = 2};
	HttpRequest request = {.method = "PUT", .target = "/", .body = "again", .body_length = 5};
	HttpClient *client = http_open(&plain);
	HttpAnswer answer;

	(void) state;
	script_start(&script);
	request.origin = script.origin;
	http_answer_init(&answer);
	assert_int_equal(http_send(client, &request, &answer), HTTP_ANSWERED);
	assert_int_equal(http_send(client, &request, &answer), HTTP_ANSWERED);
	http_close(client);
	pthread_join(script.thread, NULL);
	assert_int_equal(script.accepted, 2);
	assert_string_equal(script.requests.data + script.requests.length - 5, "again");
	close(script.listener);
	buffer_free(&script.requests);
	http_answer_free(&answer);
}

/* One that it closes instead of an answer: the request may have been carried out twice. */
static void
closed_after_the_request(void **state)
{
	Script script = {.answers = {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "", NULL,
								 "HTTP/1.1 412 Failed\r\nContent-Length: 0\r\n\r\n"},
					 .connections = 2};
	HttpRequest request = {.method = "PUT", .target = "/", .body = "again", .body_length = 5};
	HttpClient *client = http_open(&plain);
	HttpAnswer answer;

	(void) state;
	script_start(&script);
	request.origin = script.origin;
	http_answer_init(&answer);
	assert_int_equal(http_send(client, &request, &answer), HTTP_ANSWERED);
	assert_false(answer.sent_twice);
	assert_int_equal(http_send(client, &request, &answer), HTTP_ANSWERED);
	assert_int_equal(answer.status, 412);
	assert_true(answer.sent_twice);
	http_close(client);
	pthread_join(script.thread, NULL);
	close(script.listener);
	buffer_free(&script.requests);
	http_answer_free(&answer);
}

static bool
into_buffer(void *argument, const void *data, size_t length)
{
	buffer_append(argument, data, length);
	return true;
}

static bool
refuse(void *argument, const void *data, size_t length)
{
	(void) argument;
	(void) data;
	(void) length;
	return false;
}

/* The sink gets what was asked for, never the text of a refusal. */
static void
sink_takes_good_bodies(void **state)
{
	Script script = {.answers = {"HTTP/1.1 206 Partial\r\nContent-Length: 3\r\n\r\nabc",
								 "HTTP/1.1 503 Slow Down\r\nContent-Length: 7\r\n\r\n<Error>",
								 "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc"},
					 .connections = 1,
					 .hold_open = true};
	HttpRequest request = {.method = "GET", .target = "/", .sink = into_buffer};
	HttpClient *client = http_open(&plain);
	HttpAnswer answer;
	Buffer got;

	(void) state;
	script_start(&script);
	buffer_init(&got);
	http_answer_init(&answer);
	request.origin = script.origin;
	request.argument = &got;
	assert_int_equal(http_send(client, &request, &answer), HTTP_ANSWERED);
	assert_int_equal(answer.sunk, 3);
	assert_int_equal(http_send(client, &request, &answer), HTTP_ANSWERED);
	assert_int_equal(answer.status, 503);
	assert_string_equal(answer.body.data, "<Error>");
	assert_string_equal(got.data, "abc");
	request.sink = refuse;
	assert_int_equal(http_send(client, &request, &answer), HTTP_SINK_ENDED);
	http_close(client);
	script_finish(&script);
	buffer_free(&got);
	http_answer_free(&answer);
}

/* Each answer that is none, and what is known of the request then. */
static void
bad_answers(void **state)
{
	static const struct
	{
		const char *answer;
		HttpOutcome outcome;
	} cases[] = {{"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", HTTP_NO_ANSWER},
				 {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nabc", HTTP_NO_ANSWER},
				 {"", HTTP_NO_ANSWER},
				 {"SSH-2.0-OpenSSH_9.2\r\n", HTTP_NO_ANSWER}};
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		Script script = {.answers = {cases[i].answer}, .connections = 1};
		HttpClient *client = http_open(&plain);
		HttpAnswer answer;

		script_start(&script);
		http_answer_init(&answer);
		assert_int_equal(get(client, &script, &answer), cases[i].outcome);
		assert_int_equal(answer.status, 0);
		assert_true(answer.problem != NULL && answer.problem[0] != '\0');
		http_close(client);
		script_finish(&script);
		http_answer_free(&answer);
	}
}

static void
silent_server(void **state)
{
	Script script = {.answers = {"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"},
					 .connections = 1,
					 .hold_open = true};
	HttpClient *client = http_open(&plain);
	HttpAnswer answer;

	(void) state;
	script_start(&script);
	http_answer_init(&answer);
	assert_int_equal(get(client, &script, &answer), HTTP_NO_ANSWER);
	assert_int_equal(answer.status, 0);
	http_close(client);
	script_finish(&script);
	http_answer_free(&answer);
}

static void
nobody_there(void **state)
{
	Script script = {.connections = 0};
	HttpClient *client = http_open(&plain);
	HttpAnswer answer;

	(void) state;
	script_start(&script);
	http_answer_init(&answer);
	pthread_join(script.thread, NULL);
	close(script.listener);
	assert_int_equal(get(client, &script, &answer), HTTP_NOT_SENT);
	assert_true(answer.problem != NULL && answer.problem[0] != '\0');
	http_close(client);
	http_answer_free(&answer);
	buffer_free(&script.requests);
}

static void
redirection_is_an_answer(void **state)
{
	Script script = {
		.answers =
			{"HTTP/1.1 307 Away\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"},
		.connections = 1};
	HttpClient *client = http_open(&plain);
	HttpAnswer answer;

	(void) state;
	script_start(&script);
	http_answer_init(&answer);
	assert_int_equal(get(client, &script, &answer), HTTP_ANSWERED);
	assert_int_equal(answer.status, 307);
	http_close(client);
	script_finish(&script);
	http_answer_free(&answer);
}

static bool
stop_now(void)
{
	return true;
}

static void
stopped(void **state)
{
	static const HttpOptions options = {.proxy = "", .stopped = stop_now};
	Script script = {.answers = {"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"},
					 .connections = 1,
					 .hold_open = true};
	HttpClient *client = http_open(&options);
	HttpAnswer answer;

	(void) state;
	script_start(&script);
	http_answer_init(&answer);
	assert_int_equal(get(client, &script, &answer), HTTP_STOPPED);
	http_close(client);
	script_finish(&script);
	http_answer_free(&answer);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kept_connection),
		cmocka_unit_test(put_as_said),
		cmocka_unit_test(closed_meanwhile),
		cmocka_unit_test(closed_after_the_request),
		cmocka_unit_test(sink_takes_good_bodies),
		cmocka_unit_test(bad_answers),
		cmocka_unit_test(silent_server),
		cmocka_unit_test(nobody_there),
		cmocka_unit_test(redirection_is_an_answer),
		cmocka_unit_test(stopped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
