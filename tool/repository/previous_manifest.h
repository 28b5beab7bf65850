/*-------------------------------------------------------------------------
 *
 * previous_manifest.h
 *	  The manifest of the backup that the next one builds on.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_PREVIOUS_MANIFEST_H
#define NEX_PREVIOUS_MANIFEST_H

#include "repository_state.h"

/*
 * The manifest of the latest backup of an owner, whose
 * objects the next one may re-use.  NULL if there is none, or none to rely on:
 * it is damaged, its verification failed (a warning), or it is for other keys.
 */
extern Manifest *manifest_to_build_on(Repository *repository, const Owner *owner);

#endif /* NEX_PREVIOUS_MANIFEST_H */
