/*-------------------------------------------------------------------------
 *
 * lease.h
 *	  Locks where no kernel keeps any: small objects that their holder renews.
 *
 * A lease is an object that is created only if it is not there.  Its age is
 * the difference of two times of the server, so that no clock of ours counts.
 * A holder that has not renewed it for its lifetime has lost it; the next one
 * replaces that very version.  Each way of sharing puts down its own object
 * first and then looks for those of the others, so that of two that come at
 * once at least one sees the other.
 *
 * A process that was paused may go on with a lease that it has lost, until it
 * asks leases_alive().  Its clock does not tell it: that of a virtual machine
 * that was paused has not moved.  So the storage is asked, by renewing the lease.
 * Still a lease saves time, and whoever deletes what others may need rests on
 * more than a lease (docs/architecture.md).
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_LEASE_H
#define NEX_LEASE_H

#include "storage.h"
#include "store_result.h"

#define LEASE_SECONDS 120
#define LEASE_VERSION_SIZE 128

/* Where there are also locks of the kernel's, beside them: in this directory. */
#define STORE_LEASES "leases"

typedef bool (*LeaseVisitor)(void *argument, const char *path);

/*
 * What leases need of a storage.  An operation that got no answer is tried again by the storage,
 * which knows its own work when it finds it.
 */
typedef struct LeaseStore
{
	void *argument;

	/* STORE_EXISTS if it is there.  The version is that of what was written. */
	StoreResult (*create)(void *argument, const char *path, const char *text,
						  char version[LEASE_VERSION_SIZE]);

	/* STORE_CHANGED or STORE_ABSENT if it no longer has this version. */
	StoreResult (*replace)(void *argument, const char *path, const char *text,
						   char version[LEASE_VERSION_SIZE]);

	/* Its version, and how many seconds ago it was written. */
	StoreResult (*look)(void *argument, const char *path, char version[LEASE_VERSION_SIZE],
						double *age);

	/* All paths that begin with this one. */
	StoreResult (*list)(void *argument, const char *prefix, LeaseVisitor visitor,
						void *visitor_argument);
	StoreResult (*remove)(void *argument, const char *path);

	/*
	 * Would one that was just created be refused to another one?  Asked of each, while others are
	 * looked for.  NULL: create() has found that out.
	 */
	StoreResult (*check)(void *argument, const char *path);
} LeaseStore;

typedef struct Leases Leases;

/* `store` must live as long; `seconds` is the lifetime of a lease. */
extern Leases *leases_open(const LeaseStore *store, int seconds);

/* Gives back what is still held. */
extern void leases_close(Leases *leases);

/* STORE_BUSY if somebody else has it; once, without waiting. */
extern StoreResult leases_take(Leases *leases, const char *path, LockMode mode, int *handle);
extern void leases_give_back(Leases *leases, int handle);

/*
 * Is it still ours, and will be for half of its lifetime?  It is renewed to find
 * out, so nobody else can have had it in between.
 */
extern bool leases_alive(Leases *leases, int handle);

/* The same for all that are held. */
extern bool leases_all_alive(Leases *leases);

/*
 * The same, but without asking about those that were renewed in the last half of a lifetime, as
 * far as any clock of ours tells: what is asked before each of many requests.
 */
extern bool leases_all_fresh(Leases *leases);

#endif /* NEX_LEASE_H */
