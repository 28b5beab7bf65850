/*-------------------------------------------------------------------------
 *
 * masked_diff.h
 *	  What differs between two states of a configuration file, secrets masked.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_MASKED_DIFF_H
#define NEX_MASKED_DIFF_H

#include <stdbool.h>

#include "buffer.h"

/*
 * Append a unified diff from `before` to `after`; a secret shows as
 * "[secret 1f2e3d4c]", so that one sees that it changed, and not to what.  A
 * file that cannot be masked without doubt is not shown, which is reported
 * instead.  directory: private and temporary, for what "diff" reads.  False
 * (reported) only if nothing could be shown.
 */
extern bool masked_diff(const char *path, const Buffer *before, const Buffer *after,
						const char *const *words, int nwords, const char *directory, Buffer *out);

#endif /* NEX_MASKED_DIFF_H */
