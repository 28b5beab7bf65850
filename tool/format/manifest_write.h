/*-------------------------------------------------------------------------
 *
 * manifest_write.h
 *	  From a manifest to its text.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_MANIFEST_WRITE_H
#define NEX_MANIFEST_WRITE_H

#include "buffer.h"
#include "manifest.h"

/* The JSON text, up to where signature and seal belong; and the sealed text. */
extern void manifest_write(const Manifest *manifest, Buffer *json);
extern bool manifest_serialize(const Manifest *manifest, Buffer *json);

#endif /* NEX_MANIFEST_WRITE_H */
