/*-------------------------------------------------------------------------
 *
 * removal_lock.c
 *	  Until when nobody shall be able to remove what is stored now.
 *
 *-------------------------------------------------------------------------
 */
#include "removal_lock.h"

#include <stdlib.h>
#include <time.h>

#include "log.h"
#include "memory.h"

#define DAY 86400.0

/* A backup takes its time, and clocks differ. */
#define MARGIN DAY

/* By so much longer than needed, so that it is not done each time. */
static double
surplus(const Storage *storage)
{
	return (storage->lock_days + 3) / 4 * DAY;
}

static double
needed(const Storage *storage)
{
	return (double) time(NULL) + storage->lock_days * DAY + MARGIN;
}

bool
removal_lock_possible(const Repository *repository)
{
	Storage *storage = repository->storage;
	StoreResult result;

	if (storage->lock_days == 0)
		return true;
	if (storage->may_lock_files == NULL)
		return report_error(
			EXIT_FAILED, NULL, "Set it to 0 for this repository: only buckets have such locks.",
			"repo-lock-days: files in \"%s\" cannot be locked against removal", storage->location);
	result = storage->may_lock_files(storage);
	return result.code == STORE_OK ||
		   report_error(EXIT_FAILED, NULL, result.hint,
						"repo-lock-days: files in \"%s\" cannot be locked against removal: %s",
						storage->location, result.text);
}

/* False: reported. */
static bool
ask(const Repository *repository, const BackupName *name, bool as_wanted, double *until)
{
	Storage *storage = repository->storage;
	char *path = backup_path(name, ".json");
	StoreResult result = storage->locked_until(storage, path, as_wanted, until);

	if (result.code != STORE_OK)
		report_error(EXIT_FAILED, NULL, result.hint,
					 "could not find out until when file \"%s/%s\" is locked against removal: %s",
					 storage->location, path, result.text);
	free(path);
	return result.code == STORE_OK;
}

bool
removal_lock_begin(Repository *repository, const BackupName *previous)
{
	Storage *storage = repository->storage;
	RemovalLock *lock = &repository->removal_lock;
	double least = needed(storage);
	double until = 0;

	*lock = (RemovalLock){.until = 0};
	if (storage->lock_days == 0)
		return true;
	if (previous != NULL && storage->locked_until != NULL &&
		!ask(repository, previous, true, &until))
		return false;
	/* That one file is locked shows that others can be. */
	if (until == 0 && !removal_lock_possible(repository))
		return false;
	lock->extend = until < least;
	lock->until = lock->extend ? least + surplus(storage) : until;
	return true;
}

void
removal_lock_longest(Repository *repository)
{
	const Storage *storage = repository->storage;

	repository->removal_lock = (RemovalLock){
		.until = storage->lock_days > 0 ? needed(storage) + surplus(storage) : 0, .extend = true};
}

bool
removal_lock_extend(Repository *repository, char *const *paths, size_t count)
{
	Storage *storage = repository->storage;
	const RemovalLock *lock = &repository->removal_lock;
	StoreResult result;
	char *failed;

	if (lock->until == 0 || !lock->extend || count == 0)
		return true;
	result = storage->lock_files(storage, paths, count, lock->until, &failed);
	if (result.code != STORE_OK)
		report_error(EXIT_FAILED, NULL, result.hint,
					 "could not lock file \"%s/%s\" against removal: %s", storage->location, failed,
					 result.text);
	free(failed);
	return result.code == STORE_OK;
}

double
removal_lock_of(const Repository *repository, const BackupName *name)
{
	Storage *storage = repository->storage;
	char *path = backup_path(name, ".json");
	double until = 0;

	/* Where that cannot be found out, a removal will tell. */
	if (storage->locked_until != NULL)
		(void) storage->locked_until(storage, path, false, &until);
	free(path);
	return until > (double) time(NULL) ? until : 0;
}
