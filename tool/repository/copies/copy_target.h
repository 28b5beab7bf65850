/*-------------------------------------------------------------------------
 *
 * copy_target.h
 *	  What is there already in the place that backups are copied to.
 *
 * By few listings, and without a question for each object.  What the listing
 * shows counts if it can be relied on: that a manifest there names it, or a copy has noted it
 * (copied_note.h), or, where an answered PUT lasts, that no expire removes it
 * before this copy has ended.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_COPY_TARGET_H
#define NEX_COPY_TARGET_H

#include "copied_note.h"
#include "object_set.h"
#include "repository.h"

typedef struct CopyTarget CopyTarget;

/* to: NULL if there is nothing at all.  Under its shared lock, which keeps what is there. */
extern CopyTarget *copy_target_create(Repository *to);
extern void copy_target_free(CopyTarget *target);

/*
 * Is this backup there, by the lengths of its files?  Whether their content is right, a
 * verification says.  False in *known (reported) if that cannot be found out.
 */
extern bool copy_target_has(CopyTarget *target, const BackupName *name, uint64_t manifest,
							uint64_t listing, bool *known);

/* The objects of a manifest that are not there.  False (reported) if that cannot be found out. */
extern bool copy_target_missing(CopyTarget *target, const Manifest *manifest, uint32_t *positions,
								size_t *count);

/* An object is there now, durable. */
extern void copy_target_brought(CopyTarget *target, const Manifest *manifest, uint32_t object);

/* More of the same backup follows: note for the next copy what this one has brought of it. */
extern void copy_target_note(CopyTarget *target);

/* A backup is there now: it vouches for its objects. */
extern void copy_target_published(CopyTarget *target, const Manifest *manifest);

/* All is there that was to be copied. */
extern void copy_target_complete(CopyTarget *target);

/* What is known to be damaged there of the server that a manifest is of. */
extern const ObjectSet *copy_target_bad(CopyTarget *target, const Manifest *manifest);

#endif /* NEX_COPY_TARGET_H */
