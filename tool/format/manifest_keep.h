/*-------------------------------------------------------------------------
 *
 * manifest_keep.h
 *	  The manifest of a part of a backup.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_MANIFEST_KEEP_H
#define NEX_MANIFEST_KEEP_H

#include "manifest.h"

/*
 * Keep only some tables, with their data members, and the members of some
 * other kinds; sums follow.  What is left reads like the manifest of a
 * smaller backup.
 */
extern void manifest_keep(Manifest *manifest, const bool *tables, const bool kinds[MEMBER_KINDS]);

#endif /* NEX_MANIFEST_KEEP_H */
