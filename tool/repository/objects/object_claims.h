/*-------------------------------------------------------------------------
 *
 * object_claims.h
 *	  What a manifest claims about the inside of an object, as a number: two
 *	  backups that share the object may claim different things.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_OBJECT_CLAIMS_H
#define NEX_OBJECT_CLAIMS_H

#include "manifest.h"

/* Of the object that holds these members.  FNV-1a, which nobody need be unable to invert. */
extern uint64_t object_claims(const Manifest *manifest, uint32_t first, uint32_t count);

#endif /* NEX_OBJECT_CLAIMS_H */
