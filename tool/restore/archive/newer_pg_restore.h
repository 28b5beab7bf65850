/*-------------------------------------------------------------------------
 *
 * newer_pg_restore.h
 *	  A pg_restore that is newer than the server it fills.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_NEWER_PG_RESTORE_H
#define NEX_NEWER_PG_RESTORE_H

#include <stdbool.h>

#include "subprocess.h"

/*
 * Does this pg_restore set a parameter that the server does not know?
 * `version` is what the program says of itself ("17.2"), server_version that
 * of the server as a number (150004).
 */
extern bool pg_restore_sets_unknown(const char *version, int server_version);

/* The first error of a pg_restore's messages that is not this one, or NULL; caller frees. */
extern char *pg_restore_error(const SubprocessResult *result);

/*
 * Did a pg_restore that ran without --exit-on-error meet no other error than
 * that?  False also if some of what it wrote was not kept.
 */
extern bool pg_restore_only_set_unknown(const SubprocessResult *result);

#endif /* NEX_NEWER_PG_RESTORE_H */
