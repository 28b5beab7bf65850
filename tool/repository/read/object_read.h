/*-------------------------------------------------------------------------
 *
 * object_read.h
 *	  Reading an object whole, since only then it can be said that it is the
 *	  one that the manifest names.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_OBJECT_READ_H
#define NEX_OBJECT_READ_H

#include "repository.h"

/*
 * Read the bytes of an object as they are stored: from the home of its backup, or, if it is not
 * good there, from another place of the repository, which is said.  NULL when good, else what is
 * wrong with the file at home, to be freed.  *result says whether it could be looked at at all;
 * if not, nothing is known of the file.
 */
extern char *object_read_stored(Repository *repository, const Manifest *manifest, uint32_t object,
								Buffer *stored, StoreResult *result);

/* Only from the other places: the one where it is good, of which nothing is said; NULL: none. */
extern Repository *object_read_elsewhere(Repository *repository, const Manifest *manifest,
										 uint32_t object, Buffer *stored);

/* Note in a place that an object is not as it should be there, if it is the file that is to blame.
 */
extern void object_note_bad(const Repository *place, const Manifest *manifest, uint32_t object,
							const char *problem, const StoreResult *result);

/*
 * Put the bytes of an object, decrypted if it is encrypted, into `plain`, in which members lie at
 * their offsets.  The same answers; then `plain` is empty.
 */
extern char *object_read(Repository *repository, const Manifest *manifest, uint32_t object,
						 Buffer *plain, StoreResult *result);

/* The same from bytes that were read, and whose digest was checked. */
extern char *object_decrypt(const Manifest *manifest, uint32_t object, const char *stored,
							size_t length, Buffer *plain);

#endif /* NEX_OBJECT_READ_H */
