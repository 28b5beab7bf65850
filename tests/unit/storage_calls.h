/*-------------------------------------------------------------------------
 *
 * storage_calls.h
 *	  Calls of a Storage's operations in one line, for tests.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_STORAGE_CALLS_H
#define NEX_STORAGE_CALLS_H

#include <stdlib.h>
#include <string.h>

#include "storage_use.h"

/* As objects are put. */
static const PutOptions create_later = {.mode = PUT_CREATE, .later = true};

/* Make one path durable. */
static inline StoreCode
barrier_of(Storage *storage, const char *path)
{
	char *one = strdup(path);
	char *failed = NULL;
	StoreResult result = storage->barrier(storage, &one, 1, 1, &failed);

	free(failed);
	free(one);
	return result.code;
}

#endif /* NEX_STORAGE_CALLS_H */
