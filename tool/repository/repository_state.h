/*-------------------------------------------------------------------------
 *
 * repository_state.h
 *	  What is known of a repository that is open.
 *
 * Apart from repository.h, which says what can be done with it: what opens one
 * needs parts that know it, too.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_REPOSITORY_STATE_H
#define NEX_REPOSITORY_STATE_H

#include <stdbool.h>

#include "manifest.h"
#include "owner.h"
#include "storage_use.h"

/* Something in it that is not understood (unclear.h). */
typedef struct UnclearPlace
{
	char *path;
	char *detail;      /* what it is */
	const char *check; /* the kind, as the name of a check */
	const char *hint;
	bool counts; /* backups may be hidden by it */
} UnclearPlace;

typedef struct UnclearPlaces
{
	UnclearPlace *items;
	int count;
	int unknown; /* those that count */
} UnclearPlaces;

typedef struct OtherPlaces OtherPlaces;

/* Until when nobody can remove what is stored now (removal_lock.h). */
typedef struct RemovalLock
{
	double until; /* seconds since 1970; 0: it can be removed */
	bool extend;  /* what is used again is locked for less */
} RemovalLock;

typedef struct Repository
{
	Storage *storage;
	char *id;
	char *created;
	DigestHex header_digest; /* of nex_backup.json as it was checked; empty: none */
	DigestHex recover_digest;
	unsigned features;      /* that older versions do not know (repository_features.h) */
	bool headerless;        /* nex_backup.json is lost: it can be read only (lost_header.h) */
	StoreLock *shared_lock; /* NULL: none */
	struct Encryption *encryption; /* NULL: plain */
	char server[LABEL_SIZE];       /* whose databases are meant where none is named; "": main */
	bool no_other_server;          /* … and no name may say another one */
	UnclearPlaces unclear;
	RemovalLock removal_lock;
	bool outpaced;   /* while nex_backup.json was read, its keys were changed: read it again */
	bool unreadable; /* objects that were verified last could not be read, which is no damage */
	bool manifest_unreadable; /* the same of the manifest, or the listing beside it, read last */
	bool damaged_elsewhere;   /* the same: it is damaged in a place that was asked before */
	OtherPlaces *others;      /* where it is read from, too (other_places.h); NULL: nowhere */
	bool only_looks;          /* each request counts (repository_only_look()) */
	bool looks;               /* … for a while (repository_look_begin()) */
	char *left_out;           /* one of several places that could not be opened; NULL: none */
	bool one_of_several;      /* a place among others */
	_Atomic bool given_up;    /* … which could not be reached, so that the others are asked */
} Repository;

/* What opens the data key of each file of an encrypted repository. */
typedef enum KeyWrapping
{
	WRAPPED_FOR_RECIPIENTS,
	WRAPPED_BY_KEY_FILE,
	WRAPPED_BY_PASSPHRASE
} KeyWrapping;

/*
 * For a command that looks at a repository once and ends: one in a bucket is not asked again for
 * what it has said, or what was read from it before (look_storage.h).  It need not see what
 * others change meanwhile, and must not change anything.
 */
extern void repository_only_look(Repository *repository);

/*
 * The same for a while, for a command that goes on to write, or has locked what it looks at.
 * What has an answer at once, as a directory, is asked as ever.  ahead: all directories of
 * manifests are listed now, at the same time; else each when it is asked for.
 */
extern void repository_look_begin(Repository *repository, bool ahead);
extern void repository_look_end(Repository *repository);

/* Forget what is unclear in it. */
extern void unclear_free(Repository *repository);

/* Report (exit 3) that a file is not as it was written; always false. */
extern bool repository_damaged(const Repository *repository, const char *path, const char *problem,
							   const char *hint);

/* Report (exit 1) that a file could not be read, which says nothing about it; always false. */
extern bool repository_unreadable(const Repository *repository, const char *path,
								  const StoreResult *result);

#endif /* NEX_REPOSITORY_STATE_H */
