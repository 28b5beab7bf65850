/*-------------------------------------------------------------------------
 *
 * http.c
 *	  Requests to object stores, by libcurl.
 *
 *-------------------------------------------------------------------------
 */
#include "http.h"

#include <curl/curl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "memory.h"
#include "quote.h"
#include "version.h"

#define DEFAULT_CONNECT_SECONDS 10L
#define DEFAULT_SILENT_SECONDS 60L
#define HEADERS_LIMIT (256 * 1024)
/* A connection that has been idle for longer is often gone, which shows only after the request. */
#define CONNECTION_IDLE_SECONDS 50L

struct HttpClient
{
	const HttpOptions *options;
	CURL *curl;
	char error[CURL_ERROR_SIZE];
};

/* One request on its way. */
typedef struct Exchange
{
	HttpClient *client;
	const HttpRequest *request;
	HttpAnswer *answer;
	size_t sent; /* bytes of the body */
	bool too_long;
	bool sink_ended;
	bool stopped;
} Exchange;

static void
start_libcurl(void)
{
	curl_global_init(CURL_GLOBAL_DEFAULT);
}

HttpClient *
http_open(const HttpOptions *options)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	HttpClient *client;
	CURL *curl;

	pthread_once(&once, start_libcurl);
	curl = curl_easy_init();
	if (curl == NULL)
		return NULL;
	client = xcalloc(1, sizeof(*client));
	client->options = options;
	client->curl = curl;
	return client;
}

void
http_close(HttpClient *client)
{
	if (client == NULL)
		return;
	curl_easy_cleanup(client->curl);
	free(client);
}

void
http_answer_init(HttpAnswer *answer)
{
	memset(answer, 0, sizeof(*answer));
	buffer_init(&answer->headers);
	buffer_init(&answer->body);
}

void
http_answer_free(HttpAnswer *answer)
{
	buffer_free(&answer->headers);
	buffer_free(&answer->body);
	free(answer->problem);
}

static void
forget_answer(HttpAnswer *answer)
{
	answer->status = 0;
	answer->sunk = 0;
	answer->sent_twice = false;
	free(answer->problem);
	answer->problem = NULL;
	buffer_reset(&answer->headers);
	buffer_reset(&answer->body);
}

/* Keep "Name: value" as two strings, one behind the other. */
static void
keep_header(Buffer *headers, const char *line, const char *colon, const char *end)
{
	const char *value = colon + 1;

	while (value < end && (*value == ' ' || *value == '\t'))
		value++;
	while (end > value && (end[-1] == ' ' || end[-1] == '\t' || end[-1] == '\r' || end[-1] == '\n'))
		end--;
	buffer_append(headers, line, (size_t) (colon - line));
	buffer_append_char(headers, '\0');
	buffer_append(headers, value, (size_t) (end - value));
	buffer_append_char(headers, '\0');
}

/* Those of an earlier answer (100 Continue, of a proxy) are forgotten at the next status line. */
static size_t
take_header(char *data, size_t size, size_t count, void *argument)
{
	Exchange *exchange = argument;
	Buffer *headers = &exchange->answer->headers;
	size_t length = size * count;
	const char *colon = memchr(data, ':', length);

	if (length >= 5 && memcmp(data, "HTTP/", 5) == 0)
	{
		buffer_reset(headers);
		return length;
	}
	if (memchr(data, '\0', length) != NULL || headers->length + length > HEADERS_LIMIT)
	{
		exchange->too_long = true;
		return 0;
	}
	if (colon != NULL)
		keep_header(headers, data, colon, data + length);
	return length;
}

static bool
goes_to_sink(const Exchange *exchange)
{
	long status = 0;

	curl_easy_getinfo(exchange->client->curl, CURLINFO_RESPONSE_CODE, &status);
	return exchange->request->sink != NULL && (status == 200 || status == 206);
}

static size_t
take_body(char *data, size_t size, size_t count, void *argument)
{
	Exchange *exchange = argument;
	size_t length = size * count;

	if (goes_to_sink(exchange))
	{
		if (!exchange->request->sink(exchange->request->argument, data, length))
		{
			exchange->sink_ended = true;
			return 0;
		}
		exchange->answer->sunk += length;
		return length;
	}
	if (exchange->answer->body.length + length > HTTP_BODY_LIMIT)
	{
		exchange->too_long = true;
		return 0;
	}
	buffer_append(&exchange->answer->body, data, length);
	return length;
}

static size_t
give_body(char *data, size_t size, size_t count, void *argument)
{
	Exchange *exchange = argument;
	size_t length = exchange->request->body_length - exchange->sent;

	if (length > size * count)
		length = size * count;
	if (length > 0)
		memcpy(data, (const char *) exchange->request->body + exchange->sent, length);
	exchange->sent += length;
	return length;
}

/* libcurl sends a body again by itself when a kept connection turns out to be closed. */
static int
rewind_body(void *argument, curl_off_t offset, int origin)
{
	Exchange *exchange = argument;

	if (origin != SEEK_SET || offset < 0 || (uint64_t) offset > exchange->request->body_length)
		return CURL_SEEKFUNC_FAIL;
	exchange->answer->sent_twice |= exchange->sent > 0;
	exchange->sent = (size_t) offset;
	return CURL_SEEKFUNC_OK;
}

static int
look_for_stop(void *argument, curl_off_t down_total, curl_off_t down, curl_off_t up_total,
			  curl_off_t up)
{
	Exchange *exchange = argument;

	(void) down_total;
	(void) down;
	(void) up_total;
	(void) up;
	if (!exchange->request->after_stop && exchange->client->options->stopped != NULL &&
		exchange->client->options->stopped())
		exchange->stopped = true;
	return exchange->stopped ? 1 : 0;
}

static void
set_safety(CURL *curl, const HttpOptions *options, const char *origin)
{
#if LIBCURL_VERSION_NUM >= 0x075500
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR,
					 strncmp(origin, "https:", 6) == 0 ? "https" : "http");
#else
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS,
					 (long) (strncmp(origin, "https:", 6) == 0 ? CURLPROTO_HTTPS : CURLPROTO_HTTP));
#endif
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(curl, CURLOPT_NETRC, (long) CURL_NETRC_IGNORED);
	curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 1L);
	curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 2L);
	curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long) CURL_SSLVERSION_TLSv1_2);
	if (options->ca_file != NULL)
		curl_easy_setopt(curl, CURLOPT_CAINFO, options->ca_file);
	if (options->proxy != NULL)
		curl_easy_setopt(curl, CURLOPT_PROXY, options->proxy);
}

/*
 * What was given up must not be delivered later: the kernel would go on trying,
 * also after the connection was closed, and whoever asked for it may have lost
 * the right to it by then, such as a lock.
 */
static int
forget_unsent(void *argument, curl_socket_t fd, curlsocktype purpose)
{
	const unsigned milliseconds = 30 * 1000;
	const struct linger at_once = {.l_onoff = 1, .l_linger = 0};

	(void) argument;
	(void) purpose;
	(void) setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &milliseconds, sizeof(milliseconds));
	(void) setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	return CURL_SOCKOPT_OK;
}

/* No limit for a whole request, which may be a large one: it must only go on. */
static void
set_patience(CURL *curl, const HttpOptions *options)
{
	curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT,
					 options->connect_seconds > 0 ? (long) options->connect_seconds
												  : DEFAULT_CONNECT_SECONDS);
	curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
	curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME,
					 options->silent_seconds > 0 ? (long) options->silent_seconds
												 : DEFAULT_SILENT_SECONDS);
	curl_easy_setopt(curl, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(curl, CURLOPT_SOCKOPTFUNCTION, forget_unsent);
	curl_easy_setopt(curl, CURLOPT_MAXAGE_CONN, CONNECTION_IDLE_SECONDS);
	curl_easy_setopt(curl, CURLOPT_MAXCONNECTS, 1L);
	/* More than one request at a time on a connection gains nothing for large bodies. */
	curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long) CURL_HTTP_VERSION_1_1);
}

static void
set_callbacks(CURL *curl, Exchange *exchange)
{
	curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take_header);
	curl_easy_setopt(curl, CURLOPT_HEADERDATA, exchange);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, exchange);
	curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, look_for_stop);
	curl_easy_setopt(curl, CURLOPT_XFERINFODATA, exchange);
	curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
	curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, exchange->client->error);
}

static void
set_body(CURL *curl, Exchange *exchange)
{
	const HttpRequest *request = exchange->request;
	bool post = strcmp(request->method, "POST") == 0;

	if (strcmp(request->method, "HEAD") == 0)
		curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
	else if (post || strcmp(request->method, "PUT") == 0 || request->body != NULL)
	{
		curl_easy_setopt(curl, post ? CURLOPT_POST : CURLOPT_UPLOAD, 1L);
		curl_easy_setopt(curl, post ? CURLOPT_POSTFIELDSIZE_LARGE : CURLOPT_INFILESIZE_LARGE,
						 (curl_off_t) request->body_length);
		curl_easy_setopt(curl, CURLOPT_READFUNCTION, give_body);
		curl_easy_setopt(curl, CURLOPT_READDATA, exchange);
		curl_easy_setopt(curl, CURLOPT_SEEKFUNCTION, rewind_body);
		curl_easy_setopt(curl, CURLOPT_SEEKDATA, exchange);
	}
	else
		curl_easy_setopt(curl, CURLOPT_HTTPGET, 1L);
	curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request->method);
}

/* One more header; false if there is no memory for it. */
static bool
add_header(struct curl_slist **list, const char *line)
{
	struct curl_slist *longer = curl_slist_append(*list, line);

	if (longer == NULL)
		return false;
	*list = longer;
	return true;
}

/* Those of the request, and without those that libcurl would add of its own accord. */
static struct curl_slist *
header_list(const HttpRequest *request)
{
	struct curl_slist *list = NULL;
	bool added = add_header(&list, "Expect:") && add_header(&list, "Content-Type:");
	size_t i;

	for (i = 0; added && i < request->header_count; i++)
	{
		char *line = request->headers[i].value[0] != '\0'
						 ? xasprintf("%s: %s", request->headers[i].name, request->headers[i].value)
						 : xasprintf("%s;", request->headers[i].name);

		added = add_header(&list, line);
		free(line);
	}
	if (added)
		return list;
	curl_slist_free_all(list);
	return NULL;
}

/* libcurl's words, which may hold some of the server's. */
static void
describe(const Exchange *exchange, CURLcode code)
{
	const char *text = exchange->client->error;

	exchange->answer->problem = printable_name(text[0] != '\0' ? text : curl_easy_strerror(code));
}

static bool
was_not_sent(CURLcode code)
{
	switch (code)
	{
		case CURLE_COULDNT_RESOLVE_PROXY:
		case CURLE_COULDNT_RESOLVE_HOST:
		case CURLE_COULDNT_CONNECT:
		case CURLE_SSL_CONNECT_ERROR:
		case CURLE_PEER_FAILED_VERIFICATION:
		case CURLE_SSL_CACERT_BADFILE:
		case CURLE_SSL_ISSUER_ERROR:
		case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
		case CURLE_PROXY:
			return true;
		default:
			return false;
	}
}

/* A time-out is one of connecting if no byte of the request has left. */
static bool
never_connected(CURL *curl)
{
	long sent = 0;

	return curl_easy_getinfo(curl, CURLINFO_REQUEST_SIZE, &sent) == CURLE_OK && sent == 0;
}

static HttpOutcome
outcome_of(const Exchange *exchange, CURLcode code)
{
	if (code == CURLE_OK)
		return HTTP_ANSWERED;
	if (exchange->stopped)
		return HTTP_STOPPED;
	if (exchange->sink_ended)
		return HTTP_SINK_ENDED;
	if (exchange->too_long)
		return HTTP_TOO_LONG;
	if (was_not_sent(code) || never_connected(exchange->client->curl))
		return HTTP_NOT_SENT;
	return HTTP_NO_ANSWER;
}

HttpOutcome
http_send(HttpClient *client, const HttpRequest *request, HttpAnswer *answer)
{
	Exchange exchange = {.client = client, .request = request, .answer = answer};
	struct curl_slist *headers = header_list(request);
	char *url = xasprintf("%s%s", request->origin, request->target);
	HttpOutcome outcome;
	CURLcode code = CURLE_OUT_OF_MEMORY;
	long status = 0;

	forget_answer(answer);
	client->error[0] = '\0';
	curl_easy_reset(client->curl); /* connections stay */
	set_safety(client->curl, client->options, request->origin);
	set_patience(client->curl, client->options);
	set_callbacks(client->curl, &exchange);
	set_body(client->curl, &exchange);
	curl_easy_setopt(client->curl, CURLOPT_USERAGENT, "nex_backup/" NEX_BACKUP_VERSION);
	/* The path is signed as it is written. */
	curl_easy_setopt(client->curl, CURLOPT_PATH_AS_IS, 1L);
	curl_easy_setopt(client->curl, CURLOPT_HTTPHEADER, headers);
	if (headers != NULL && curl_easy_setopt(client->curl, CURLOPT_URL, url) == CURLE_OK)
		code = curl_easy_perform(client->curl);

	outcome = outcome_of(&exchange, code);
	if (outcome == HTTP_ANSWERED)
	{
		curl_easy_getinfo(client->curl, CURLINFO_RESPONSE_CODE, &status);
		answer->status = (int) status;
	}
	else
		describe(&exchange, code);
	curl_easy_setopt(client->curl, CURLOPT_HTTPHEADER, NULL);
	curl_slist_free_all(headers);
	free(url);
	return outcome;
}

const char *
http_header(const HttpAnswer *answer, const char *name)
{
	const char *at = answer->headers.data;
	size_t length = answer->headers.length;

	while (length > 0)
	{
		const char *value = at + strlen(at) + 1;
		const char *next = value + strlen(value) + 1;

		if (strcasecmp(at, name) == 0)
			return value;
		length -= (size_t) (next - at);
		at = next;
	}
	return NULL;
}
