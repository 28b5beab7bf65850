/*-------------------------------------------------------------------------
 *
 * bucket_session.c
 *	  Signed requests to one bucket.
 *
 *-------------------------------------------------------------------------
 */
#include "bucket_session.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "memory.h"
#include "request_tries.h"

/* An expired token, a clock and a region may be wrong at once. */
#define MAX_REMEDIES 3
#define SKEW 300         /* seconds by which a clock differs before a refusal is blamed on it */
#define RENEW_BEFORE 300 /* seconds before keys expire */
#define RENEW_AGAIN 10   /* seconds after that failed */

/* A client that nobody uses at the moment, with its connection. */
typedef struct IdleClient
{
	HttpClient *client;
	struct IdleClient *next;
} IdleClient;

struct BucketSession
{
	const BucketDialect *dialect;
	BucketAddress address; /* its texts are owned */
	const HttpOptions *options;
	KeySource source;
	void *source_argument;
	Patience *patience;
	pthread_mutex_t lock; /* of all below */
	IdleClient *idle;
	char *region;
	AccessKeys keys;
	unsigned generation; /* of the keys; 0: none yet */
	double renew_at;
	long clock_difference;
};

/* What one try is signed with, copied under the lock. */
typedef struct Signer
{
	Signing signing;
	char *region;
	unsigned generation;
} Signer;

BucketSession *
bucket_session_open(const BucketDialect *dialect, const BucketAddress *address,
					const HttpOptions *options, int patience, KeySource source,
					void *source_argument)
{
	BucketSession *session = xcalloc(1, sizeof(*session));

	session->dialect = dialect;
	session->address = (BucketAddress){.scheme = xstrdup(address->scheme),
									   .authority = xstrdup(address->authority),
									   .account = xstrdup(address->account),
									   .bucket = xstrdup(address->bucket),
									   .name_in_host = address->name_in_host};
	session->region = xstrdup(address->region);
	session->options = options;
	session->source = source;
	session->source_argument = source_argument;
	session->patience = patience_create(patience, options->stopped);
	pthread_mutex_init(&session->lock, NULL);
	return session;
}

void
bucket_session_close(BucketSession *session)
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
	access_keys_free(&session->keys);
	free((char *) session->address.scheme);
	free((char *) session->address.authority);
	free((char *) session->address.account);
	free((char *) session->address.bucket);
	free(session->region);
	patience_free(session->patience);
	pthread_mutex_destroy(&session->lock);
	free(session);
}

long
bucket_clock_difference(BucketSession *session)
{
	long difference;

	pthread_mutex_lock(&session->lock);
	difference = session->clock_difference;
	pthread_mutex_unlock(&session->lock);
	return difference;
}

void
bucket_reply_init(BucketReply *reply)
{
	reply->result = store_ok();
	reply->maybe_done = false;
	http_answer_init(&reply->answer);
}

void
bucket_reply_free(BucketReply *reply)
{
	http_answer_free(&reply->answer);
}

/* As many clients as there are requests at once; NULL without memory. */
static HttpClient *
take_client(BucketSession *session)
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
give_client_back(BucketSession *session, HttpClient *client)
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
	access_keys_free(&signer->signing.keys);
	free(signer->region);
	memset(signer, 0, sizeof(*signer));
}

static double
server_now(const BucketSession *session)
{
	return (double) (time(NULL) + session->clock_difference);
}

/* New keys are due some minutes before these end, or after three quarters of a short life. */
static double
renewal_of(const AccessKeys *keys, double now)
{
	double left = keys->expires - now;

	return keys->expires - (left / 4 < RENEW_BEFORE ? left / 4 : RENEW_BEFORE);
}

/*
 * Have keys that are good now.  If new ones are due, but cannot be had, the old
 * ones do as long as nobody has refused them.
 */
static bool
renew_keys(BucketSession *session, unsigned expired, char **problem)
{
	double now = server_now(session);
	bool refused = session->generation == expired;
	AccessKeys fresh = {.expires = 0};

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
	access_keys_free(&session->keys);
	session->keys = fresh;
	session->renew_at = renewal_of(&fresh, now);
	session->generation++;
	return true;
}

/*
 * What a try is signed with.  `expired` is the generation of keys that the
 * server refused, 0 if none: the first thread that comes with it renews them,
 * and the others find that done.
 */
static bool
take_signer(BucketSession *session, unsigned expired, Signer *signer, char **problem)
{
	bool good;

	*problem = NULL;
	memset(signer, 0, sizeof(*signer));
	pthread_mutex_lock(&session->lock);
	good = renew_keys(session, expired, problem);
	if (good)
	{
		access_keys_copy(&session->keys, &signer->signing.keys);
		signer->generation = session->generation;
		signer->signing.region = signer->region = xstrdup(session->region);
		signer->signing.now = time(NULL) + session->clock_difference;
	}
	pthread_mutex_unlock(&session->lock);
	return good;
}

/* One try.  False if it could not even be signed. */
static bool
try_once(BucketSession *session, HttpClient *client, const BucketRequest *request,
		 const Signer *signer, HttpAnswer *answer, HttpOutcome *outcome)
{
	WireRequest wire;
	bool made;

	wire_init(&wire);
	made = session->dialect->sign(&session->address, request, &signer->signing, &wire);
	if (made)
	{
		const HttpRequest http = {.method = request->method,
								  .origin = wire.origin,
								  .target = wire.target.data,
								  .headers = wire.headers,
								  .header_count = wire.header_count,
								  .body = request->body,
								  .body_length = request->body_length,
								  .sink = request->sink,
								  .argument = request->argument,
								  .after_stop = request->after_stop};

		*outcome = http_send(client, &http, answer);
	}
	wire_free(&wire);
	return made;
}

/* The server's time, from the header Date of its answer; false if it differs by less. */
static bool
set_clock(BucketSession *session, const Signer *signer, const HttpAnswer *answer, long least)
{
	const char *date = http_header(answer, "date");
	time_t theirs = date != NULL ? curl_getdate(date, NULL) : -1;

	if (theirs < 0 || labs((long) (theirs - signer->signing.now)) < least)
		return false;
	pthread_mutex_lock(&session->lock);
	session->clock_difference = (long) (theirs - time(NULL));
	pthread_mutex_unlock(&session->lock);
	return true;
}

static void
set_region(BucketSession *session, const char *region)
{
	pthread_mutex_lock(&session->lock);
	free(session->region);
	session->region = xstrdup(region);
	pthread_mutex_unlock(&session->lock);
}

/* Put right what the answer says; false if it cannot be. */
static bool
apply_remedy(BucketSession *session, const BucketVerdict *verdict, const Signer *signer,
			 const HttpAnswer *answer, unsigned *expired)
{
	switch (verdict->remedy)
	{
		case NO_REMEDY:
			return false;
		case RENEW_CREDENTIALS:
			*expired = signer->generation;
			return true;
		case SET_CLOCK:
			return set_clock(session, signer, answer, 0);
		case CLOCK_OR_TOKEN:
			if (set_clock(session, signer, answer, SKEW))
				return true;
			*expired = signer->generation;
			/* A signature may end without saying when: a stored access policy has its end. */
			return signer->signing.keys.expires != 0 || signer->signing.keys.kind == ACCESS_QUERY;
		case CHANGE_REGION:
			if (signer->region == NULL || strcmp(verdict->region, signer->region) == 0)
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
send_once(BucketSession *session, HttpClient *client, const BucketRequest *request,
		  const char *operation, HttpAnswer *answer, long *wait_seconds)
{
	unsigned expired = 0;
	int remedies = 0;

	for (;;)
	{
		BucketVerdict verdict;
		HttpOutcome outcome;
		Signer signer;
		char *problem;
		bool again;

		if (!take_signer(session, expired, &signer, &problem))
		{
			StoreResult result = store_failure(
				STORE_DENIED,
				"Name a file with the keys of the bucket by repo-secret-file.  It must belong to "
				"the user who runs nex_backup, have mode 0600, and hold keys for this provider.",
				"%s", problem);

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
		verdict =
			bucket_judge(session->dialect->errors, operation, &request->sign, outcome, answer);
		*wait_seconds = verdict.wait_seconds;
		again =
			remedies++ < MAX_REMEDIES && apply_remedy(session, &verdict, &signer, answer, &expired);
		signer_free(&signer);
		if (!again)
			return verdict.result;
	}
}

bool
bucket_send(BucketSession *session, const BucketRequest *request, BucketReply *reply)
{
	HttpClient *client = take_client(session);
	char *operation = xasprintf("%s %s", request->method, request->key);
	long wait_seconds = 0;
	Tries tries;

	tries_begin(&tries, session->patience);
	if (client == NULL)
		reply->result = store_failure(STORE_FAILED, NULL, "libcurl could not be started");
	else if (request->leases != NULL && !leases_all_fresh(request->leases))
		reply->result = store_failure(STORE_FAILED, "Run the same command again.",
									  "a lock on the repository was lost");
	else
	{
		do
		{
			reply->result =
				send_once(session, client, request, operation, &reply->answer, &wait_seconds);
			tries.maybe_done |= reply->answer.sent_twice;
			if (reply->answer.status != 0)
				tries_heard(&tries);
		} while (tries_again(&tries, &reply->result, wait_seconds) &&
				 (request->most_tries == 0 || tries.count < request->most_tries) &&
				 (request->leases == NULL || leases_all_alive(request->leases)));
		give_client_back(session, client);
	}
	reply->result.tries = tries.count;
	reply->maybe_done = tries.maybe_done;
	free(operation);
	return reply->result.code == STORE_OK;
}
