/*-------------------------------------------------------------------------
 *
 * unrestorable.h
 *	  What a database has and no server takes back.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_UNRESTORABLE_H
#define NEX_UNRESTORABLE_H

#include "connection.h"
#include "manifest.h"

/* Warn of each, and keep the warning in the manifest.  False (reported) on failure. */
extern bool unrestorable_warn(Connection *connection, Manifest *manifest);

#endif /* NEX_UNRESTORABLE_H */
