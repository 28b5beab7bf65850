/*-------------------------------------------------------------------------
 *
 * http.h
 *	  Requests to object stores: one at a time for each client, over a
 *	  connection that is kept for the next one.
 *
 * This is libcurl, hardened as notify/notify_transport.c does it for alarms
 * (no redirects, no .netrc, certificates always verified), but for many
 * requests to one server: connections are used again, bodies may be large,
 * and a server that is silent is given up instead of one that is slow.
 *
 * What a status means is not known here; what has become of a request that
 * got no answer is.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_HTTP_H
#define NEX_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buffer.h"

typedef struct HttpOptions
{
	const char *ca_file;   /* PEM, in place of the system's; NULL: the system's */
	const char *proxy;     /* NULL: as the environment says; "": none */
	int connect_seconds;   /* 0: 10 */
	int silent_seconds;    /* give up when so long nothing moves; 0: 60 */
	bool (*stopped)(void); /* asked again and again while a request runs; may be NULL */
} HttpOptions;

/* Belongs to one thread at a time.  Options must live as long. */
typedef struct HttpClient HttpClient;

/* NULL if there is no memory, or libcurl cannot be started. */
extern HttpClient *http_open(const HttpOptions *options);
extern void http_close(HttpClient *client);

/* Takes bytes of an answer; false ends the request. */
typedef bool (*HttpSink)(void *argument, const void *data, size_t length);

/* A header, or a parameter of a query as it is meant: nothing in it is encoded. */
typedef struct HttpPair
{
	const char *name; /* of a header that is signed: in lower case */
	const char *value;
} HttpPair;

typedef struct HttpRequest
{
	const char *method;
	const char *origin; /* "https://host:port" */
	const char *target; /* path and query, encoded, as they are sent */
	const HttpPair *headers;
	size_t header_count;
	const void
		*body; /* NULL: none, and no Content-Length either unless the method is PUT or POST */
	size_t body_length;
	HttpSink sink; /* for the body of an answer 200 or 206; NULL: it goes to answer->body */
	void *argument;
	bool after_stop; /* clean-up: send it even if options->stopped() */
} HttpRequest;

/* What became of a request. */
typedef enum HttpOutcome
{
	HTTP_ANSWERED,   /* status, headers and the whole body are there */
	HTTP_NOT_SENT,   /* the server has not seen it: no connection, no trust */
	HTTP_NO_ANSWER,  /* it may have been carried out, or not */
	HTTP_TOO_LONG,   /* an answer that was to be kept is longer than HTTP_BODY_LIMIT */
	HTTP_SINK_ENDED, /* the sink said false */
	HTTP_STOPPED     /* options->stopped() said true */
} HttpOutcome;

/* Of an answer that is kept: a page of a listing is below 1 MB. */
#define HTTP_BODY_LIMIT (64 * 1024 * 1024)

typedef struct HttpAnswer
{
	int status; /* 0 without an answer */
	Buffer headers;
	Buffer body;
	uint64_t sunk;   /* bytes that the sink has taken */
	bool sent_twice; /* libcurl has sent it again itself: a kept connection was closed */
	char *problem;   /* what went wrong, fit for a message; NULL for HTTP_ANSWERED */
} HttpAnswer;

extern void http_answer_init(HttpAnswer *answer);
extern void http_answer_free(HttpAnswer *answer);

/* Send a request and wait for the end of its answer; what `answer` held before is forgotten. */
extern HttpOutcome http_send(HttpClient *client, const HttpRequest *request, HttpAnswer *answer);

/*
 * The value of a header of the answer, in any case of letters; NULL if there
 * is none.  It lives until the next request.
 */
extern const char *http_header(const HttpAnswer *answer, const char *name);

#endif /* NEX_HTTP_H */
