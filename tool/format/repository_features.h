/*-------------------------------------------------------------------------
 *
 * repository_features.h
 *	  What a repository holds that versions before 0.3.0 do not know.
 *
 * As long as it holds none of it, nex_backup.json has format 1, and they can
 * use it.  With the first of it, the format becomes 2, which they refuse, and a
 * list of features is there: a reader refuses those that it does not know.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_REPOSITORY_FEATURES_H
#define NEX_REPOSITORY_FEATURES_H

#include <jansson.h>
#include <stdbool.h>

#include "buffer.h"

/* Bits of Repository.features. */
#define FEATURE_WAL 1u     /* WAL of servers, in the directory "wal" */
#define FEATURE_CLUSTER 2u /* base backups, in the directory "base" */

/* Take the format of nex_backup.json and what belongs to it; false if it is not known. */
extern bool features_read(const json_t *root, unsigned *features);

/*
 * The beginning of nex_backup.json, which is all of that of a plain repository:
 * its keys and the seal follow.
 */
extern void header_write(unsigned features, const char *id, const char *created,
						 const char *recover_digest, Buffer *json);

#endif /* NEX_REPOSITORY_FEATURES_H */
