/*-------------------------------------------------------------------------
 *
 * object_set.h
 *	  A set of objects by id and codec, each with a small note: what expire
 *	  must keep, what one run of verify has read already.
 *
 * A hash table over the binary ids and not a sorted list of paths, because a
 * repository with a million references must fit in a few dozen megabytes.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_OBJECT_SET_H
#define NEX_OBJECT_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "codec.h"

typedef struct ObjectSetEntry
{
	unsigned char id[32];
	uint8_t codec;
	bool used;
	uint64_t fingerprint; /* the owner's; 0 at first */
	char *note;           /* the owner's; freed with the set */
} ObjectSetEntry;

typedef struct ObjectSet
{
	ObjectSetEntry *entries;
	size_t capacity; /* a power of two, or 0 */
	size_t count;
} ObjectSet;

extern void object_set_init(ObjectSet *set);
extern void object_set_free(ObjectSet *set);

/* Add the object, or find it; NULL if the id is not a digest. */
extern ObjectSetEntry *object_set_add(ObjectSet *set, const char *id, Codec codec);

/* NULL if it is not there.  The entry is valid until the next addition. */
extern ObjectSetEntry *object_set_find(const ObjectSet *set, const char *id, Codec codec);

#endif /* NEX_OBJECT_SET_H */
