/*
 * Leases on a storage that the test keeps in memory, with a clock that it sets:
 * who gets one, what becomes of one that nobody renews, and how its holder
 * learns that it is lost.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include "lease.h"
#include "memory.h"

#define MAX_OBJECTS 64
#define PATH "lock/repository"

typedef struct Object
{
	char *path;
	unsigned version;
	double written;
} Object;

/* A storage, its clock, and an answer that the next calls of one kind give. */
typedef struct Place
{
	pthread_mutex_t lock;
	Object objects[MAX_OBJECTS];
	unsigned versions;
	unsigned replaced;
	double now;
	StoreCode create_fails;
	StoreCode replace_fails;
	StoreCode list_fails;
	StoreCode check_fails;
	unsigned checks;
	void (*after_create)(struct Place *place); /* what others do meanwhile */
} Place;

static Place place;

static Object *
find(const char *path)
{
	int i;

	for (i = 0; i < MAX_OBJECTS; i++)
	{
		if (place.objects[i].path != NULL && strcmp(place.objects[i].path, path) == 0)
			return &place.objects[i];
	}
	return NULL;
}

static void
write_object(const char *path, char version[LEASE_VERSION_SIZE])
{
	Object *object = find(path);
	int i;

	for (i = 0; object == NULL; i++)
	{
		assert_true(i < MAX_OBJECTS);
		if (place.objects[i].path == NULL)
		{
			object = &place.objects[i];
			object->path = xstrdup(path);
		}
	}
	object->version = ++place.versions;
	object->written = place.now;
	snprintf(version, LEASE_VERSION_SIZE, "%u", object->version);
}

static StoreResult
failed(StoreCode code)
{
	return store_failure(code, NULL, "as the test says");
}

static StoreResult
create(void *argument, const char *path, const char *text, char version[LEASE_VERSION_SIZE])
{
	StoreResult result = store_ok();
	void (*others)(Place *);

	(void) argument;
	(void) text;
	pthread_mutex_lock(&place.lock);
	if (place.create_fails != STORE_OK)
		result = failed(place.create_fails);
	else if (find(path) != NULL)
		result = failed(STORE_EXISTS);
	else
		write_object(path, version);
	others = place.after_create;
	place.after_create = NULL;
	pthread_mutex_unlock(&place.lock);
	if (others != NULL)
		others(&place);
	return result;
}

static StoreResult
replace(void *argument, const char *path, const char *text, char version[LEASE_VERSION_SIZE])
{
	StoreResult result = store_ok();
	Object *object;

	(void) argument;
	(void) text;
	pthread_mutex_lock(&place.lock);
	object = find(path);
	if (place.replace_fails != STORE_OK)
		result = failed(place.replace_fails);
	else if (object == NULL)
		result = failed(STORE_ABSENT);
	else if (object->version != (unsigned) strtoul(version, NULL, 10))
		result = failed(STORE_CHANGED);
	else
		write_object(path, version);
	place.replaced++;
	pthread_mutex_unlock(&place.lock);
	return result;
}

static StoreResult
look(void *argument, const char *path, char version[LEASE_VERSION_SIZE], double *age)
{
	StoreResult result = store_ok();
	Object *object;

	(void) argument;
	pthread_mutex_lock(&place.lock);
	object = find(path);
	if (object == NULL)
		result = failed(STORE_ABSENT);
	else
	{
		snprintf(version, LEASE_VERSION_SIZE, "%u", object->version);
		*age = place.now - object->written;
	}
	pthread_mutex_unlock(&place.lock);
	return result;
}

static StoreResult
list(void *argument, const char *prefix, LeaseVisitor visitor, void *visitor_argument)
{
	char *found[MAX_OBJECTS];
	int count = 0;
	int i;

	(void) argument;
	if (place.list_fails != STORE_OK)
		return failed(place.list_fails);
	pthread_mutex_lock(&place.lock);
	for (i = 0; i < MAX_OBJECTS; i++)
	{
		if (place.objects[i].path != NULL &&
			strncmp(place.objects[i].path, prefix, strlen(prefix)) == 0)
			found[count++] = xstrdup(place.objects[i].path);
	}
	pthread_mutex_unlock(&place.lock);
	for (i = 0; i < count; i++)
	{
		visitor(visitor_argument, found[i]);
		free(found[i]);
	}
	return store_ok();
}

static StoreResult
take_away(void *argument, const char *path)
{
	Object *object;

	(void) argument;
	pthread_mutex_lock(&place.lock);
	object = find(path);
	if (object != NULL)
	{
		free(object->path);
		object->path = NULL;
	}
	pthread_mutex_unlock(&place.lock);
	return store_ok();
}

static StoreResult
check(void *argument, const char *path)
{
	StoreResult result;

	(void) argument;
	pthread_mutex_lock(&place.lock);
	assert_non_null(find(path));
	place.checks++;
	result = place.check_fails != STORE_OK ? failed(place.check_fails) : store_ok();
	pthread_mutex_unlock(&place.lock);
	return result;
}

static const LeaseStore store = {NULL, create, replace, look, list, take_away, check};

static int
empty_place(void **state)
{
	(void) state;
	memset(&place, 0, sizeof(place));
	return pthread_mutex_init(&place.lock, NULL);
}

static int
objects_left(void)
{
	int count = 0;
	int i;

	for (i = 0; i < MAX_OBJECTS; i++)
		count += place.objects[i].path != NULL;
	return count;
}

static int
nothing_left(void **state)
{
	int i;

	(void) state;
	for (i = 0; i < MAX_OBJECTS; i++)
		free(place.objects[i].path);
	return pthread_mutex_destroy(&place.lock);
}

static StoreCode
take(Leases *leases, LockMode mode, int *handle)
{
	return leases_take(leases, PATH, mode, handle).code;
}

/* Every pair of modes, in both orders, of two processes. */
static void
who_excludes_whom(void **state)
{
	static const LockMode modes[] = {LOCK_SHARED, LOCK_EXCLUSIVE, LOCK_ALONE};
	Leases *first = leases_open(&store, LEASE_SECONDS);
	Leases *second = leases_open(&store, LEASE_SECONDS);
	int a, b, one, other;

	(void) state;
	for (a = 0; a < 2; a++)
	{
		for (b = 0; b < 2; b++)
		{
			bool both = modes[a] == LOCK_SHARED && modes[b] == LOCK_SHARED;

			assert_int_equal(take(first, modes[a], &one), STORE_OK);
			assert_int_equal(take(second, modes[b], &other), both ? STORE_OK : STORE_BUSY);
			leases_give_back(first, one);
			if (both)
				leases_give_back(second, other);
			assert_int_equal(objects_left(), 0);
			assert_int_equal(take(second, modes[b], &other), STORE_OK);
			leases_give_back(second, other);
		}
	}
	assert_int_equal(take(first, LOCK_ALONE, &one), STORE_OK);
	assert_int_equal(take(second, LOCK_ALONE, &other), STORE_BUSY);
	leases_close(first);
	assert_int_equal(take(second, LOCK_ALONE, &other), STORE_OK);
	leases_close(second);
	assert_int_equal(objects_left(), 0);
}

/* One that nobody renews is free by itself, by the clock of the storage. */
static void
holder_died(void **state)
{
	static const LockMode modes[] = {LOCK_SHARED, LOCK_EXCLUSIVE, LOCK_ALONE};
	Leases *living = leases_open(&store, LEASE_SECONDS);
	char version[LEASE_VERSION_SIZE];
	int handle;
	size_t i;

	(void) state;
	for (i = 0; i < 3; i++)
	{
		write_object(PATH, version);
		write_object(PATH ".shared/dead", version);
		place.now += LEASE_SECONDS;
		assert_int_equal(take(living, modes[i], &handle), STORE_BUSY);
		place.now += 1;
		assert_int_equal(take(living, modes[i], &handle), STORE_OK);
		assert_true(leases_alive(living, handle));
		leases_give_back(living, handle);
		take_away(NULL, PATH);
		take_away(NULL, PATH ".shared/dead");
	}
	leases_close(living);
	assert_int_equal(objects_left(), 0);
}

static void
another_shares(Place *at)
{
	char version[LEASE_VERSION_SIZE];

	(void) at;
	write_object(PATH ".shared/other", version);
}

static void
another_excludes(Place *at)
{
	char version[LEASE_VERSION_SIZE];

	(void) at;
	write_object(PATH, version);
}

/* Of two that come at once, each having looked before the other wrote, none is overlooked. */
static void
both_at_once(void **state)
{
	Leases *leases = leases_open(&store, LEASE_SECONDS);
	int handle;

	(void) state;
	place.after_create = another_shares;
	assert_int_equal(take(leases, LOCK_EXCLUSIVE, &handle), STORE_BUSY);
	assert_int_equal(objects_left(), 1);
	take_away(NULL, PATH ".shared/other");
	place.after_create = another_excludes;
	assert_int_equal(take(leases, LOCK_SHARED, &handle), STORE_BUSY);
	assert_int_equal(objects_left(), 1);
	leases_close(leases);
}

/* What the storage reports is reported, and nothing of ours stays. */
static void
failures(void **state)
{
	Leases *leases = leases_open(&store, LEASE_SECONDS);
	int handle;

	(void) state;
	place.create_fails = STORE_DENIED;
	assert_int_equal(take(leases, LOCK_SHARED, &handle), STORE_DENIED);
	place.create_fails = STORE_OK;
	place.list_fails = STORE_UNREACHABLE;
	assert_int_equal(take(leases, LOCK_EXCLUSIVE, &handle), STORE_UNREACHABLE);
	assert_int_equal(objects_left(), 0);
	leases_close(leases);
}

/* Each lease that is made is tried, while others are looked for; one that others could have is
 * none. */
static void
not_refused_to_others(void **state)
{
	static const LockMode modes[] = {LOCK_SHARED, LOCK_EXCLUSIVE, LOCK_ALONE};
	Leases *leases = leases_open(&store, LEASE_SECONDS);
	int handle, i;

	(void) state;
	for (i = 0; i < 3; i++)
	{
		place.check_fails = STORE_UNSUPPORTED;
		assert_int_equal(take(leases, modes[i], &handle), STORE_UNSUPPORTED);
		assert_int_equal(objects_left(), 0);
		place.check_fails = STORE_OK;
		assert_int_equal(take(leases, modes[i], &handle), STORE_OK);
		assert_int_equal(place.checks, 2 * i + 2);
		leases_give_back(leases, handle);
	}
	leases_close(leases);
}

typedef struct Asker
{
	Leases *leases;
	int handle;
	bool alive;
} Asker;

static void *
ask(void *argument)
{
	Asker *asker = argument;
	int i;

	asker->alive = true;
	for (i = 0; i < 200; i++)
		asker->alive &= leases_alive(asker->leases, asker->handle);
	return NULL;
}

/* Several are asked for at the same time, also one by two threads: nobody takes it from itself. */
static void
asked_by_threads(void **state)
{
	Leases *leases = leases_open(&store, 1);
	Asker askers[4];
	pthread_t threads[4];
	int i;

	(void) state;
	for (i = 0; i < 4; i++)
	{
		askers[i].leases = leases;
		if (i < 2)
			assert_int_equal(take(leases, LOCK_SHARED, &askers[i].handle), STORE_OK);
		else
			askers[i].handle = askers[i - 2].handle;
	}
	for (i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, ask, &askers[i]), 0);
	for (i = 0; i < 4; i++)
	{
		assert_int_equal(pthread_join(threads[i], NULL), 0);
		assert_true(askers[i].alive);
	}
	leases_close(leases);
	assert_int_equal(objects_left(), 0);
}

/* Wait, for ten seconds at most, until a lease is alive no more. */
static bool
dies(Leases *leases, int handle)
{
	int i;

	for (i = 0; i < 1000 && leases_alive(leases, handle); i++)
		usleep(10000);
	return !leases_alive(leases, handle);
}

/*
 * A machine was paused, and its clock with it: nothing here has noticed that
 * others have had the lease, but the storage knows.
 */
static void
asked_of_the_storage(void **state)
{
	Leases *leases = leases_open(&store, LEASE_SECONDS);
	char version[LEASE_VERSION_SIZE];
	unsigned before;
	int handle;

	(void) state;
	assert_int_equal(take(leases, LOCK_ALONE, &handle), STORE_OK);
	before = place.replaced;
	assert_true(leases_alive(leases, handle));
	assert_true(leases_alive(leases, handle));
	assert_int_equal(place.replaced, before + 2);
	place.replace_fails = STORE_UNREACHABLE;
	assert_false(leases_alive(leases, handle));
	place.replace_fails = STORE_OK;
	assert_true(leases_alive(leases, handle));
	write_object(PATH, version);
	assert_false(leases_alive(leases, handle));
	leases_give_back(leases, handle);
	assert_int_equal(objects_left(), 1);
	take_away(NULL, PATH);

	/* Those who took it have given it back. */
	assert_int_equal(take(leases, LOCK_ALONE, &handle), STORE_OK);
	take_away(NULL, PATH);
	assert_false(leases_alive(leases, handle));
	leases_close(leases);
}

/* Whoever shares does not write over an exclusive lease that is over, but its holder must notice.
 */
static void
over_and_back(void **state)
{
	static const LockMode modes[] = {LOCK_EXCLUSIVE, LOCK_SHARED};
	Leases *paused = leases_open(&store, LEASE_SECONDS);
	Leases *others = leases_open(&store, LEASE_SECONDS);
	int handle, other, i;

	(void) state;
	for (i = 0; i < 2; i++)
	{
		assert_int_equal(take(paused, modes[i], &handle), STORE_OK);
		assert_true(leases_all_alive(paused));
		place.now += LEASE_SECONDS + 1;
		assert_int_equal(take(others, modes[1 - i], &other), STORE_OK);
		leases_give_back(others, other);
		assert_false(leases_all_alive(paused));
		leases_give_back(paused, handle);
		assert_int_equal(objects_left(), 0);
		assert_true(leases_all_alive(paused));
	}
	leases_close(others);
	leases_close(paused);
}

static void
renewed_by_itself(void **state)
{
	Leases *leases = leases_open(&store, 1);
	char version[LEASE_VERSION_SIZE] = "";
	unsigned before;
	int handle;
	int i;

	(void) state;
	assert_int_equal(take(leases, LOCK_ALONE, &handle), STORE_OK);
	before = place.replaced;
	for (i = 0; i < 1000 && place.replaced < before + 4; i++)
		usleep(10000);
	assert_true(place.replaced >= before + 4);

	/* Another one has taken it: it is lost at once, and is not taken away from the other. */
	pthread_mutex_lock(&place.lock);
	write_object(PATH, version);
	pthread_mutex_unlock(&place.lock);
	assert_true(dies(leases, handle));
	leases_give_back(leases, handle);
	assert_int_equal(objects_left(), 1);
	take_away(NULL, PATH);

	/* The storage cannot be reached: it ends before anybody else may take it. */
	assert_int_equal(take(leases, LOCK_ALONE, &handle), STORE_OK);
	place.replace_fails = STORE_UNREACHABLE;
	assert_true(dies(leases, handle));
	leases_close(leases);
}

#define WITH_PLACE(test) cmocka_unit_test_setup_teardown(test, empty_place, nothing_left)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_PLACE(who_excludes_whom),    WITH_PLACE(holder_died),
		WITH_PLACE(both_at_once),         WITH_PLACE(failures),
		WITH_PLACE(renewed_by_itself),    WITH_PLACE(over_and_back),
		WITH_PLACE(asked_of_the_storage), WITH_PLACE(not_refused_to_others),
		WITH_PLACE(asked_by_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
