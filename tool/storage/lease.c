/*-------------------------------------------------------------------------
 *
 * lease.c
 *	  Locks where no kernel keeps any.
 *
 * PATH is the lease of who wants it alone; PATH.shared/… are those who share
 * it.  One thread renews all that this process holds.
 *
 *-------------------------------------------------------------------------
 */
#include "lease.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "at_once.h"
#include "memory.h"
#include "primitives.h"

#define NONCE_BYTES 16

/*
 * By all clocks that may tell of a pause: that of a virtual machine may show on some of them only.
 * The last one may be set, too, which is no pause.
 */
#define CLOCKS 3
#define STEADY_CLOCKS 2
typedef struct Moment
{
	double seconds[CLOCKS];
} Moment;

typedef struct Lease
{
	char *path; /* NULL: this place is free */
	char *text;
	char version[LEASE_VERSION_SIZE];
	Moment renewed; /* when its last writing began */
	bool lost;
	bool busy; /* is being written again, by one at a time */
} Lease;

struct Leases
{
	const LeaseStore *store;
	int seconds;
	pthread_mutex_t lock;   /* of all below */
	pthread_cond_t changed; /* closing */
	pthread_cond_t idle;    /* one is busy no more */
	Lease *held;
	int count;
	bool closing;
	bool renewing; /* the thread runs */
	pthread_t thread;
};

static Moment
now(void)
{
	static const clockid_t clocks[CLOCKS] = {CLOCK_MONOTONIC, CLOCK_BOOTTIME, CLOCK_REALTIME};
	Moment moment;
	int i;

	for (i = 0; i < CLOCKS; i++)
	{
		struct timespec time = {0, 0};

		clock_gettime(clocks[i], &time);
		moment.seconds[i] = (double) time.tv_sec + (double) time.tv_nsec / 1e9;
	}
	return moment;
}

/* By the one of these clocks that says most. */
static double
seconds_since(const Moment *then, int clocks)
{
	Moment moment = now();
	double most = 0;
	int i;

	for (i = 0; i < clocks; i++)
	{
		if (moment.seconds[i] - then->seconds[i] > most)
			most = moment.seconds[i] - then->seconds[i];
	}
	return most;
}

Leases *
leases_open(const LeaseStore *store, int seconds)
{
	Leases *leases = xcalloc(1, sizeof(*leases));
	pthread_condattr_t attributes;

	leases->store = store;
	leases->seconds = seconds;
	pthread_mutex_init(&leases->lock, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&leases->changed, &attributes);
	pthread_condattr_destroy(&attributes);
	pthread_cond_init(&leases->idle, NULL);
	return leases;
}

/* Who holds it, for people, and a word that nobody else has. */
static char *
holder_text(void)
{
	char host[256] = "";
	unsigned char nonce[NONCE_BYTES];
	char hex[2 * NONCE_BYTES + 1];
	int i;

	if (!random_bytes(nonce, sizeof(nonce)))
		return NULL;
	for (i = 0; i < NONCE_BYTES; i++)
	{
		static const char digits[] = "0123456789abcdef";

		hex[2 * i] = digits[nonce[i] >> 4];
		hex[2 * i + 1] = digits[nonce[i] & 15];
	}
	hex[2 * NONCE_BYTES] = '\0';
	gethostname(host, sizeof(host) - 1);
	return xasprintf("%s\nprocess %ld on %s\n", hex, (long) getpid(), host);
}

static bool
is_held(const Leases *leases, int handle)
{
	return handle >= 0 && handle < leases->count && leases->held[handle].path != NULL &&
		   !leases->held[handle].lost;
}

/* Write a lease again, over the version that we know.  The mutex is not held while the storage
 * answers. */
static bool
write_again(Leases *leases, int handle)
{
	Lease copy = leases->held[handle];
	char *path = xstrdup(copy.path);
	char *text = xstrdup(copy.text);
	Moment began = now();
	StoreResult result;
	Lease *lease;
	bool renewed = false;

	pthread_mutex_unlock(&leases->lock);
	result = leases->store->replace(leases->store->argument, path, text, copy.version);
	pthread_mutex_lock(&leases->lock);
	lease = &leases->held[handle];
	if (lease->path != NULL && strcmp(lease->text, text) == 0)
	{
		if (result.code == STORE_OK)
		{
			memcpy(lease->version, copy.version, sizeof(lease->version));
			lease->renewed = began;
			renewed = seconds_since(&began, STEADY_CLOCKS) < leases->seconds / 2.0;
		}
		else if (result.code == STORE_CHANGED || result.code == STORE_ABSENT)
			lease->lost = true;
	}
	free(path);
	free(text);
	return renewed;
}

/* Renew a lease that is still held; true if the storage has just let us. */
static bool
renew(Leases *leases, int handle)
{
	bool renewed = false;

	pthread_mutex_lock(&leases->lock);
	while (is_held(leases, handle) && leases->held[handle].busy)
		pthread_cond_wait(&leases->idle, &leases->lock);
	if (is_held(leases, handle))
	{
		leases->held[handle].busy = true;
		renewed = write_again(leases, handle);
		leases->held[handle].busy = false;
		pthread_cond_broadcast(&leases->idle);
	}
	pthread_mutex_unlock(&leases->lock);
	return renewed;
}

static void *
renew_all(void *argument)
{
	Leases *leases = argument;
	struct timespec until;
	int i;

	pthread_mutex_lock(&leases->lock);
	while (!leases->closing)
	{
		clock_gettime(CLOCK_MONOTONIC, &until);
		until.tv_sec += leases->seconds / 4;
		until.tv_nsec += (long) (leases->seconds % 4) * 250000000L;
		if (until.tv_nsec >= 1000000000L)
		{
			until.tv_nsec -= 1000000000L;
			until.tv_sec++;
		}
		if (pthread_cond_timedwait(&leases->changed, &leases->lock, &until) == 0)
			continue;
		for (i = 0; i < leases->count && !leases->closing; i++)
		{
			pthread_mutex_unlock(&leases->lock);
			(void) renew(leases, i);
			pthread_mutex_lock(&leases->lock);
		}
	}
	pthread_mutex_unlock(&leases->lock);
	return NULL;
}

/* Write a lease, over one that nobody has renewed if there is one: then it is not *created. */
static StoreResult
put_down(Leases *leases, const char *path, const char *text, char version[LEASE_VERSION_SIZE],
		 bool *created)
{
	const LeaseStore *store = leases->store;
	StoreResult result = store->create(store->argument, path, text, version);
	StoreResult seen;
	double age;

	*created = result.code == STORE_OK;
	if (result.code != STORE_EXISTS)
		return result;
	seen = store->look(store->argument, path, version, &age);
	if (seen.code == STORE_ABSENT)
		return store_failure(STORE_BUSY, NULL, "somebody else has just given it back");
	if (seen.code != STORE_OK)
		return seen;
	if (age <= leases->seconds)
		return store_failure(STORE_BUSY, NULL, "somebody else holds it");
	result = store->replace(store->argument, path, text, version);
	if (result.code == STORE_CHANGED || result.code == STORE_ABSENT)
		return store_failure(STORE_BUSY, NULL, "somebody else has just taken it");
	return result;
}

/* Remember a lease that was put down, and have it renewed. */
static StoreResult
remember(Leases *leases, char *path, char *text, const char *version, Moment began, int *handle)
{
	int i;

	pthread_mutex_lock(&leases->lock);
	for (i = 0; i < leases->count && (leases->held[i].path != NULL || leases->held[i].busy); i++)
		;
	if (i == leases->count)
		leases->held = xrealloc(leases->held, (size_t) ++leases->count * sizeof(Lease));
	leases->held[i] = (Lease){.path = path, .text = text, .renewed = began};
	memcpy(leases->held[i].version, version, LEASE_VERSION_SIZE);
	*handle = i;
	if (!leases->renewing)
		leases->renewing = pthread_create(&leases->thread, NULL, renew_all, leases) == 0;
	i = leases->renewing;
	pthread_mutex_unlock(&leases->lock);
	if (i)
		return store_ok();
	leases_give_back(leases, *handle);
	return store_failure(STORE_FAILED, NULL, "no thread could be started to renew a lease");
}

/*
 * Take away a lease that nobody has renewed in time.  Its holder may still come
 * back, and must not find it as it was: so it is replaced first, by its version.
 * *found: it has been renewed at this very moment.
 */
static StoreResult
take_away(Leases *leases, const char *path, char version[LEASE_VERSION_SIZE], bool *found)
{
	const LeaseStore *store = leases->store;
	StoreResult result = store->replace(store->argument, path, "taken away\n", version);

	if (result.code == STORE_OK)
		(void) store->remove(store->argument, path);
	*found = result.code == STORE_CHANGED;
	return result.code == STORE_CHANGED || result.code == STORE_ABSENT ? store_ok() : result;
}

/* Is there a lease under this path, and in time? */
static StoreResult
look_for(Leases *leases, const char *path, bool *found)
{
	char version[LEASE_VERSION_SIZE];
	double age;
	StoreResult result = leases->store->look(leases->store->argument, path, version, &age);

	*found = result.code == STORE_OK && age <= leases->seconds;
	if (result.code == STORE_OK && !*found)
		return take_away(leases, path, version, found);
	return result.code == STORE_ABSENT ? store_ok() : result;
}

typedef struct Sharers
{
	char **paths;
	size_t count;
} Sharers;

static bool
note_sharer(void *argument, const char *path)
{
	Sharers *sharers = argument;

	sharers->paths = xrealloc(sharers->paths, (sharers->count + 1) * sizeof(char *));
	sharers->paths[sharers->count++] = xstrdup(path);
	return true;
}

/* Does anybody share it? */
static StoreResult
look_for_sharers(Leases *leases, const char *path, bool *found)
{
	const LeaseStore *store = leases->store;
	char *prefix = xasprintf("%s.shared/", path);
	Sharers sharers = {NULL, 0};
	StoreResult result = store->list(store->argument, prefix, note_sharer, &sharers);
	size_t i;

	*found = false;
	if (result.code == STORE_ABSENT)
		result = store_ok();
	for (i = 0; i < sharers.count && result.code == STORE_OK && !*found; i++)
		result = look_for(leases, sharers.paths[i], found);
	for (i = 0; i < sharers.count; i++)
		free(sharers.paths[i]);
	free(sharers.paths);
	free(prefix);
	return result;
}

/* After ours is down: who else is there? */
static StoreResult
look_for_others(Leases *leases, const char *path, LockMode mode)
{
	StoreResult result = store_ok();
	bool found = false;

	if (mode == LOCK_SHARED)
		result = look_for(leases, path, &found);
	else if (mode == LOCK_EXCLUSIVE)
		result = look_for_sharers(leases, path, &found);
	if (result.code == STORE_OK && found)
		return store_failure(STORE_BUSY, NULL, "somebody else holds it");
	return result;
}

/* What is asked when a lease is down, all at the same time. */
typedef struct Questions
{
	Leases *leases;
	const char *path;
	const char *own;
	LockMode mode;
	bool created;
	StoreResult refuses; /* is the storage one that refuses it to others? */
	StoreResult alone;   /* is there nobody else? */
} Questions;

static void
ask_one(size_t item, void *argument)
{
	Questions *questions = argument;
	const LeaseStore *store = questions->leases->store;

	if (item == 1)
		questions->alone = look_for_others(questions->leases, questions->path, questions->mode);
	else if (questions->created && store->check != NULL)
		questions->refuses = store->check(store->argument, questions->own);
}

static StoreResult
ask_both(Questions *questions)
{
	questions->refuses = questions->alone = store_ok();
	at_once(questions->mode == LOCK_ALONE ? 1 : 2, 2, ask_one, questions);
	return questions->refuses.code != STORE_OK ? questions->refuses : questions->alone;
}

StoreResult
leases_take(Leases *leases, const char *path, LockMode mode, int *handle)
{
	char *text = holder_text();
	char version[LEASE_VERSION_SIZE] = "";
	Questions questions = {.leases = leases, .path = path, .mode = mode};
	Moment began = now();
	StoreResult result;
	char *own;

	if (text == NULL)
		return store_failure(STORE_FAILED, NULL, "OpenSSL gives no random numbers");
	if (mode == LOCK_SHARED)
		own = xasprintf("%s.shared/%.*s", path, 2 * NONCE_BYTES, text);
	else
		own = xstrdup(path);

	result = put_down(leases, own, text, version, &questions.created);
	if (result.code == STORE_OK)
	{
		questions.own = own;
		result = ask_both(&questions);
		if (result.code == STORE_OK)
			return remember(leases, own, text, version, began, handle);
		leases->store->remove(leases->store->argument, own);
	}
	free(own);
	free(text);
	return result;
}

bool
leases_alive(Leases *leases, int handle)
{
	return renew(leases, handle);
}

/* Ask about all that are held, or those only that were not renewed lately. */
static bool
ask_all(Leases *leases, double seconds)
{
	bool good = true;
	int i;

	pthread_mutex_lock(&leases->lock);
	for (i = 0; good && i < leases->count; i++)
	{
		const Lease *lease = &leases->held[i];

		if (lease->path == NULL)
			continue;
		good = !lease->lost;
		if (!good || seconds_since(&lease->renewed, CLOCKS) < seconds)
			continue;
		pthread_mutex_unlock(&leases->lock);
		good = renew(leases, i);
		pthread_mutex_lock(&leases->lock);
	}
	pthread_mutex_unlock(&leases->lock);
	return good;
}

bool
leases_all_alive(Leases *leases)
{
	return ask_all(leases, 0);
}

bool
leases_all_fresh(Leases *leases)
{
	return ask_all(leases, leases->seconds / 2.0);
}

void
leases_give_back(Leases *leases, int handle)
{
	Lease lease;
	bool ours;

	pthread_mutex_lock(&leases->lock);
	lease = leases->held[handle];
	ours = !lease.lost && seconds_since(&lease.renewed, STEADY_CLOCKS) < leases->seconds / 2.0;
	leases->held[handle].path = NULL;
	leases->held[handle].text = NULL;
	pthread_mutex_unlock(&leases->lock);
	/* One that was lost is another's by now. */
	if (ours)
		leases->store->remove(leases->store->argument, lease.path);
	free(lease.path);
	free(lease.text);
}

void
leases_close(Leases *leases)
{
	int i;

	if (leases == NULL)
		return;
	for (i = 0; i < leases->count; i++)
	{
		if (leases->held[i].path != NULL)
			leases_give_back(leases, i);
	}
	pthread_mutex_lock(&leases->lock);
	leases->closing = true;
	pthread_cond_signal(&leases->changed);
	pthread_mutex_unlock(&leases->lock);
	if (leases->renewing)
		pthread_join(leases->thread, NULL);
	pthread_cond_destroy(&leases->changed);
	pthread_cond_destroy(&leases->idle);
	pthread_mutex_destroy(&leases->lock);
	free(leases->held);
	free(leases);
}
