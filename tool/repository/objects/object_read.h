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
 * Put the bytes of an object, decrypted if it is encrypted, into `plain`, in which members lie at
 * their offsets.  NULL when good, else what is wrong with the file, to be
 * freed; then `plain` is empty.  *result says whether it could be looked at
 * at all; if not, nothing is known of the file.
 */
extern char *object_read(const Repository *repository, const Manifest *manifest, uint32_t object,
						 Buffer *plain, StoreResult *result);

/* The same from bytes that were read, and whose digest was checked. */
extern char *object_decrypt(const Manifest *manifest, uint32_t object, const char *stored,
							size_t length, Buffer *plain);

#endif /* NEX_OBJECT_READ_H */
