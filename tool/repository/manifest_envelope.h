/*-------------------------------------------------------------------------
 *
 * manifest_envelope.h
 *	  A manifest as a repository stores it: plain, or signed and with its
 *	  inner part encrypted.
 *
 * In an encrypted repository a manifest shows what the storage side and the
 * writer need (times, sums, objects) and hides what describes the data
 * (tables, columns, members, warnings).  Without a key it reads as "locked":
 * it has objects, and no tables and members.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_MANIFEST_ENVELOPE_H
#define NEX_MANIFEST_ENVELOPE_H

#include "repository.h"

/* The text for the repository; false (reported) on failure. */
extern bool manifest_close(const Repository *repository, const Manifest *manifest, Buffer *json);

/* Read one; NULL, with *error to be freed, unless it is what this repository accepts. */
extern Manifest *manifest_open(const Repository *repository, const char *json, size_t length,
							   char **error);

/* Say in a manifest that is being made how its repository encrypts. */
extern void manifest_describe(const Repository *repository, Manifest *manifest);

/* False (reported) if the manifest is locked, saying which key is missing. */
extern bool manifest_require_open(const Repository *repository, const Manifest *manifest);

#endif /* NEX_MANIFEST_ENVELOPE_H */
