/*-------------------------------------------------------------------------
 *
 * s3_request.c
 *	  Signed requests to one bucket.
 *
 *-------------------------------------------------------------------------
 */
#include "s3_request.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "digest.h"
#include "memory.h"
#include "primitives.h"
#include "request_tries.h"
#include "s3_answer.h"

/* An expired token, a clock and a region may be wrong at once. */
#define MAX_REMEDIES 3
#define MAX_HEADERS 16
#define RENEW_BEFORE 300 /* seconds before keys expire */
#define RENEW_AGAIN 10   /* seconds after that failed */

/* Of a dialect: the headers that all requests have, and the service in the scope. */
typedef struct S3Words
{
	const char *date;
	const char *digest;
	const char *token;
	const char *service;
} S3Words;

static const S3Words words_of[] = {
	[SIG_AWS4] = {"x-amz-date", "x-amz-content-sha256", "x-amz-security-token", "s3"},
	[SIG_GOOG4] = {"x-goog-date", "x-goog-content-sha256", "x-goog-security-token", "storage"},
};

/* A client that nobody uses at the moment, with its connection. */
typedef struct IdleClient
{
	HttpClient *client;
	struct IdleClient *next;
} IdleClient;

struct S3Session
{
	SigDialect dialect;
	char *scheme;
	char *authority; /* NULL: by the region */
	char *bucket;
	bool bucket_in_host;
	const HttpOptions *options;
	S3KeySource source;
	void *source_argument;
	Patience *patience;
	pthread_mutex_t lock; /* of all below */
	IdleClient *idle;
	char *region;
	S3Keys keys;
	unsigned generation; /* of the keys; 0: none yet */
	double renew_at;
	long clock_difference;
};

/* What one try is signed with, copied under the lock. */
typedef struct Signer
{
	S3Keys keys;
	unsigned generation;
	char *region;
	char *host;
	char *origin;
	time_t now;
} Signer;

void
s3_keys_free(S3Keys *keys)
{
	if (keys->secret_key != NULL)
		secret_free(keys->secret_key, strlen(keys->secret_key));
	if (keys->token != NULL)
		secret_free(keys->token, strlen(keys->token));
	free(keys->access_key);
	memset(keys, 0, sizeof(*keys));
}

static void
copy_keys(const S3Keys *from, S3Keys *to)
{
	to->access_key = xstrdup(from->access_key);
	to->secret_key = xstrdup(from->secret_key);
	to->token = xstrdup(from->token);
	to->expires = from->expires;
}

S3Session *
s3_session_open(const S3Address *address, const HttpOptions *options, int patience,
				S3KeySource source, void *source_argument)
{
	S3Session *session = xcalloc(1, sizeof(*session));

	session->dialect = address->dialect;
	session->scheme = xstrdup(address->scheme);
	session->authority = xstrdup(address->authority);
	session->bucket = xstrdup(address->bucket);
	session->bucket_in_host = address->bucket_in_host;
	session->region = xstrdup(address->region);
	session->options = options;
	session->source = source;
	session->source_argument = source_argument;
	session->patience = patience_create(patience, options->stopped);
	pthread_mutex_init(&session->lock, NULL);
	return session;
}

void
s3_session_close(S3Session *session)
{
	if (session == NULL)
		return;
	while (session->idle != NULL)
	{
		IdleClient *next = session->idle->next;

		http_close(session->idle->client);
		free(session->idle);
		session->idle = next;
	}
	s3_keys_free(&session->keys);
	free(session->scheme);
	free(session->authority);
	free(session->bucket);
	free(session->region);
	patience_free(session->patience);
	pthread_mutex_destroy(&session->lock);
	free(session);
}

long
s3_clock_difference(S3Session *session)
{
	long difference;

	pthread_mutex_lock(&session->lock);
	difference = session->clock_difference;
	pthread_mutex_unlock(&session->lock);
	return difference;
}

void
s3_reply_init(S3Reply *reply)
{
	reply->result = store_ok();
	reply->maybe_done = false;
	http_answer_init(&reply->answer);
}

void
s3_reply_free(S3Reply *reply)
{
	http_answer_free(&reply->answer);
}

/* As many clients as there are requests at once; NULL without memory. */
static HttpClient *
take_client(S3Session *session)
{
	IdleClient *idle;
	HttpClient *client = NULL;

	pthread_mutex_lock(&session->lock);
	idle = session->idle;
	if (idle != NULL)
	{
		session->idle = idle->next;
		client = idle->client;
	}
	pthread_mutex_unlock(&session->lock);
	free(idle);
	return client != NULL ? client : http_open(session->options);
}

static void
give_client_back(S3Session *session, HttpClient *client)
{
	IdleClient *idle = xcalloc(1, sizeof(*idle));

	idle->client = client;
	pthread_mutex_lock(&session->lock);
	idle->next = session->idle;
	session->idle = idle;
	pthread_mutex_unlock(&session->lock);
}

static void
signer_free(Signer *signer)
{
	s3_keys_free(&signer->keys);
	free(signer->region);
	free(signer->host);
	free(signer->origin);
	memset(signer, 0, sizeof(*signer));
}

static double
server_now(const S3Session *session)
{
	return (double) (time(NULL) + session->clock_difference);
}

/* New keys are due some minutes before these end, or after three quarters of a short life. */
static double
renewal_of(const S3Keys *keys, double now)
{
	double left = keys->expires - now;

	return keys->expires - (left / 4 < RENEW_BEFORE ? left / 4 : RENEW_BEFORE);
}

/*
 * Have keys that are good now.  If new ones are due, but cannot be had, the old
 * ones do as long as nobody has refused them.
 */
static bool
renew_keys(S3Session *session, unsigned expired, char **problem)
{
	double now = server_now(session);
	bool refused = session->generation == expired;
	S3Keys fresh = {.expires = 0};

	if (!refused && (session->keys.expires == 0 || now < session->renew_at))
		return true;
	if (!session->source(session->source_argument, session->generation != 0, &fresh, problem))
	{
		if (refused)
			return false;
		free(*problem);
		*problem = NULL;
		session->renew_at = now + RENEW_AGAIN;
		return true;
	}
	s3_keys_free(&session->keys);
	session->keys = fresh;
	session->renew_at = renewal_of(&fresh, now);
	session->generation++;
	return true;
}

/* Where the request goes: a region of AWS has its own server. */
static void
set_host(const S3Session *session, Signer *signer)
{
	char *authority = session->authority != NULL ? xstrdup(session->authority)
												 : xasprintf("s3.%s.amazonaws.com", signer->region);

	signer->host = session->bucket_in_host ? xasprintf("%s.%s", session->bucket, authority)
										   : xstrdup(authority);
	signer->origin = xasprintf("%s://%s", session->scheme, signer->host);
	free(authority);
}

/*
 * What a try is signed with.  `expired` is the generation of keys that the
 * server refused, 0 if none: the first thread that comes with it renews them,
 * and the others find that done.
 */
static bool
take_signer(S3Session *session, unsigned expired, Signer *signer, char **problem)
{
	bool good;

	*problem = NULL;
	memset(signer, 0, sizeof(*signer));
	pthread_mutex_lock(&session->lock);
	good = renew_keys(session, expired, problem);
	if (good)
	{
		copy_keys(&session->keys, &signer->keys);
		signer->generation = session->generation;
		signer->region = xstrdup(session->region);
		signer->now = time(NULL) + session->clock_difference;
	}
	pthread_mutex_unlock(&session->lock);
	if (good)
		set_host(session, signer);
	return good;
}

/* The headers of every request, and those of this one; returns how many. */
static size_t
collect_headers(const S3Session *session, const S3Request *request, const Signer *signer,
				const char *time, const char *digest, SigPair headers[MAX_HEADERS])
{
	const S3Words *words = &words_of[session->dialect];
	size_t count = 0;
	size_t i;

	headers[count++] = (SigPair){"host", signer->host};
	headers[count++] = (SigPair){words->date, time};
	headers[count++] = (SigPair){words->digest, digest};
	if (signer->keys.token != NULL)
		headers[count++] = (SigPair){words->token, signer->keys.token};
	for (i = 0; i < request->header_count && count < MAX_HEADERS; i++)
		headers[count++] = request->headers[i];
	return count;
}

/* Send a request whose signature is made; the headers are those that were signed. */
static HttpOutcome
send_signed(HttpClient *client, const S3Request *request, const char *origin,
			const SigRequest *signed_request, const char *authorization, HttpAnswer *answer)
{
	HttpHeader headers[MAX_HEADERS + 1];
	HttpRequest http = {.method = request->method,
						.origin = origin,
						.headers = headers,
						.body = request->body,
						.body_length = request->body_length,
						.sink = request->sink,
						.argument = request->argument,
						.after_stop = request->after_stop};
	HttpOutcome outcome;
	Buffer target;
	size_t i;

	for (i = 0; i < signed_request->header_count; i++)
		headers[i] =
			(HttpHeader){signed_request->headers[i].name, signed_request->headers[i].value};
	headers[i++] = (HttpHeader){"Authorization", authorization};
	http.header_count = i;
	buffer_init(&target);
	sig_append_target(signed_request, &target);
	http.target = target.data;
	outcome = http_send(client, &http, answer);
	buffer_free(&target);
	return outcome;
}

/* One try.  False if it could not even be signed. */
static bool
try_once(S3Session *session, HttpClient *client, const S3Request *request, const Signer *signer,
		 HttpAnswer *answer, HttpOutcome *outcome)
{
	SigCredentials credentials = {.dialect = session->dialect,
								  .access_key = signer->keys.access_key,
								  .secret_key = signer->keys.secret_key,
								  .region = signer->region,
								  .service = words_of[session->dialect].service};
	SigRequest to_sign = {.method = request->method,
						  .query = request->query,
						  .query_count = request->query_count,
						  .when = signer->now};
	SigPair headers[MAX_HEADERS];
	DigestHex digest;
	char time[SIG_TIME_SIZE];
	char *path = session->bucket_in_host ? xasprintf("/%s", request->key)
										 : xasprintf("/%s/%s", session->bucket, request->key);
	Buffer authorization;
	bool made = request->body_sha256 != NULL;

	if (made)
		memcpy(digest, request->body_sha256, sizeof(digest));
	else
		made =
			digest_buffer(request->body != NULL ? request->body : "", request->body_length, digest);
	sig_time(signer->now, time);
	to_sign.path = path;
	to_sign.payload_sha256 = digest;
	to_sign.headers = headers;
	to_sign.header_count = collect_headers(session, request, signer, time, digest, headers);
	buffer_init(&authorization);
	made = made && sig_append_authorization(&credentials, &to_sign, &authorization);
	if (made)
		*outcome =
			send_signed(client, request, signer->origin, &to_sign, authorization.data, answer);
	buffer_free(&authorization);
	free(path);
	return made;
}

/* The server's time, from the header Date of its answer. */
static bool
set_clock(S3Session *session, const HttpAnswer *answer)
{
	const char *date = http_header(answer, "date");
	time_t theirs = date != NULL ? curl_getdate(date, NULL) : -1;

	if (theirs < 0)
		return false;
	pthread_mutex_lock(&session->lock);
	session->clock_difference = (long) (theirs - time(NULL));
	pthread_mutex_unlock(&session->lock);
	return true;
}

static void
set_region(S3Session *session, const char *region)
{
	pthread_mutex_lock(&session->lock);
	free(session->region);
	session->region = xstrdup(region);
	pthread_mutex_unlock(&session->lock);
}

/* Put right what the answer says; false if it cannot be. */
static bool
apply_remedy(S3Session *session, const S3Verdict *verdict, const Signer *signer,
			 const HttpAnswer *answer, unsigned *expired)
{
	switch (verdict->remedy)
	{
		case S3_NO_REMEDY:
			return false;
		case S3_RENEW_CREDENTIALS:
			*expired = signer->generation;
			return true;
		case S3_SET_CLOCK:
			return set_clock(session, answer);
		case S3_CHANGE_REGION:
			if (strcmp(verdict->region, signer->region) == 0)
				return false;
			set_region(session, verdict->region);
			return true;
	}
	return false;
}

/*
 * Send a request until it is answered, or what is wrong cannot be put right at
 * once.  *wait_seconds: what the server asks for before another try.
 */
static StoreResult
send_once(S3Session *session, HttpClient *client, const S3Request *request, const char *operation,
		  HttpAnswer *answer, long *wait_seconds)
{
	unsigned expired = 0;
	int remedies = 0;

	for (;;)
	{
		S3Verdict verdict;
		HttpOutcome outcome;
		Signer signer;
		char *problem;
		bool again;

		if (!take_signer(session, expired, &signer, &problem))
		{
			StoreResult result = store_failure(
				STORE_DENIED, "Name a file with the keys of the bucket by repo-secret-file.", "%s",
				problem);

			free(problem);
			return result;
		}
		if (request->again != NULL)
			request->again(request->argument);
		if (!try_once(session, client, request, &signer, answer, &outcome))
		{
			signer_free(&signer);
			return store_failure(STORE_FAILED, NULL, "OpenSSL refuses to sign a request");
		}
		verdict = s3_judge(operation, request->root, outcome, answer);
		*wait_seconds = verdict.wait_seconds;
		again =
			remedies++ < MAX_REMEDIES && apply_remedy(session, &verdict, &signer, answer, &expired);
		signer_free(&signer);
		if (!again)
			return verdict.result;
	}
}

bool
s3_send(S3Session *session, const S3Request *request, S3Reply *reply)
{
	HttpClient *client = take_client(session);
	char *operation = xasprintf("%s %s", request->method, request->key);
	long wait_seconds = 0;
	Tries tries;

	tries_begin(&tries, session->patience);
	if (client == NULL)
		reply->result = store_failure(STORE_FAILED, NULL, "libcurl could not be started");
	else
	{
		do
		{
			reply->result =
				send_once(session, client, request, operation, &reply->answer, &wait_seconds);
			tries.maybe_done |= reply->answer.sent_twice;
		} while (tries_again(&tries, &reply->result, wait_seconds));
		give_client_back(session, client);
	}
	reply->result.tries = tries.count;
	reply->maybe_done = tries.maybe_done;
	free(operation);
	return reply->result.code == STORE_OK;
}
