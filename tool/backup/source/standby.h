/*-------------------------------------------------------------------------
 *
 * standby.h
 *	  Is what a standby has the state of its primary, or one of long ago?
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_STANDBY_H
#define NEX_STANDBY_H

#include "connection.h"
#include "manifest.h"

/*
 * Of a standby, that the manifest being made describes: let it replay what is
 * on its way, up to the state of the previous backup (NULL: there is none),
 * and warn if nothing is on its way.  False (reported) on failure.
 */
extern bool standby_check(Connection *connection, Manifest *manifest, const Manifest *previous);

#endif /* NEX_STANDBY_H */
