/*-------------------------------------------------------------------------
 *
 * storage_open.h
 *	  Open the storage that a location names: the one place that knows which
 *	  kinds there are.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_STORAGE_OPEN_H
#define NEX_STORAGE_OPEN_H

#include <stdbool.h>

#include "storage.h"

typedef struct StorageSettings StorageSettings;

/*
 * From now on buckets and SFTP servers are reached by these settings, which must live as long;
 * without them, as AWS's own tools do.
 */
extern void storage_use(const StorageSettings *settings);

/*
 * From now on a repository is opened as it was at this time, in seconds since 1970; 0: as it is.
 */
extern void storage_look_back(double as_of);

/*
 * NULL if *result is not good.  A directory is made if it is not there
 * (`create`); a bucket never is.
 */
extern Storage *storage_open(const char *location, bool create, StoreResult *result);

#endif /* NEX_STORAGE_OPEN_H */
