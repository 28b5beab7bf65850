/*-------------------------------------------------------------------------
 *
 * object_ahead.h
 *	  Reading objects before they are needed, several at a time, where an
 *	  answer takes its time.
 *
 * Whoever reads members says in which order it wants them; threads read the
 * objects that hold them, whole and checked, and open those that are encrypted.
 * What waits is bounded by its bytes.  An object is kept until the last of its members
 * was taken, so that one that holds a hundred small tables is read once, too.
 *
 * Of a directory nothing is read ahead: there, each member is read by itself when it is needed.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_OBJECT_AHEAD_H
#define NEX_OBJECT_AHEAD_H

#include "repository.h"

typedef struct ObjectAhead ObjectAhead;

/*
 * For the members in this order, from any number of threads; NULL: that is of no use.  An object
 * of which less than half is wanted is left to who reads its parts.
 */
extern ObjectAhead *object_ahead_create(Repository *repository, const Manifest *manifest,
										const Member *const *members, size_t count);
extern void object_ahead_free(ObjectAhead *ahead);

/* Is it one of those? */
extern bool object_ahead_has(const ObjectAhead *ahead, uint32_t object);

/*
 * The bytes of an object, in which members lie at their offsets; they stay until they are given
 * back, with the number of members that were read.  NULL as object_read() says, *problem to be
 * freed.
 */
extern const char *object_ahead_take(ObjectAhead *ahead, uint32_t object, char **problem,
									 StoreResult *result);
extern void object_ahead_give_back(ObjectAhead *ahead, uint32_t object, uint32_t members);

#endif /* NEX_OBJECT_AHEAD_H */
