/*-------------------------------------------------------------------------
 *
 * reusable.h
 *	  Which objects of the last backup the next one can use again.
 *
 * The last manifest vouches for what it names: that was made durable.  One
 * listing says what of it is still there, readable and of its length; to ask
 * for each object would cost a request each time, changed or not.  Apart from
 * object_store.h, which stores the others.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_REUSABLE_H
#define NEX_REUSABLE_H

#include "manifest.h"
#include "object_set.h"
#include "repository_state.h"

typedef struct Reusable
{
	const Manifest *previous;
	uint32_t *positions; /* of its objects that can be used, ordered by reusable_key() */
	uint32_t count;
} Reusable;

/*
 * Find out; the manifest (NULL: none) must outlive the result.  What somebody found damaged of
 * this server's is added to `bad`, and cannot be used.  Where the objects cannot be listed that is
 * a warning, and nothing can.
 */
extern void reusable_find_out(Reusable *reusable, const Repository *repository, const char *server,
							  const Manifest *previous, ObjectSet *bad);

/* The object of this id, or of this content if it is encrypted; NULL if there is none. */
extern const ManifestObject *reusable_find(const Reusable *reusable, const char *key);
extern void reusable_free(Reusable *reusable);

#endif /* NEX_REUSABLE_H */
