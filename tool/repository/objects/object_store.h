/*-------------------------------------------------------------------------
 *
 * object_store.h
 *	  Storing the objects of one running backup: name by content, reuse what
 *	  is there, remember what the barrier must make durable.
 *
 * An object that exists is trusted when the previous manifest of the
 * database names it with that length (reusable.h).  Otherwise it is written again, since it
 * may be the leftover of a backup whose content never reached the disk.  That
 * repairs a damaged one for older backups, too.  The same is done with one that
 * somebody found damaged (bad_objects.h), whatever names it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_OBJECT_STORE_H
#define NEX_OBJECT_STORE_H

#include "manifest.h"
#include "repository.h"

typedef struct ObjectStore ObjectStore;

/* Of this server, as stored (owner.h).  previous may be NULL; it must outlive the store. */
extern ObjectStore *object_store_create(Repository *repository, const char *server, Codec codec,
										const Manifest *previous);
extern void object_store_free(ObjectStore *store);

/*
 * Store bytes, from any thread.  Fills in the object's id and length.  False
 * (reported, with file and cause: disk full, read-only, …) on failure.
 */
extern bool object_store_put(ObjectStore *store, const char *content, uint64_t length,
							 ManifestObject *object);

/* Make everything durable that is not yet; `threads` at a time. */
extern bool object_store_barrier(ObjectStore *store, int threads);

/* What this backup added. */
extern uint64_t object_store_new_objects(const ObjectStore *store);
extern uint64_t object_store_new_bytes(const ObjectStore *store);

#endif /* NEX_OBJECT_STORE_H */
