/*-------------------------------------------------------------------------
 *
 * base_archive.h
 *	  Is the WAL that a base backup needs in the archive?
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_BASE_ARCHIVE_H
#define NEX_BASE_ARCHIVE_H

#include "base_server.h"
#include "repository_state.h"

/*
 * Before the backup: does the server archive to this repository, as far as that
 * can be known?  False (reported) if not.
 */
extern bool base_archive_check(const BaseServer *server, Repository *repository,
							   const Manifest *manifest);

/*
 * Behind it: wait until all segments from its beginning to its end are there,
 * for so many seconds at most, see that they are this server's, and look for the
 * history of their timeline.
 * False (reported) if they are not.
 */
extern bool base_archive_wait(const BaseServer *server, Repository *repository,
							  const Manifest *manifest, int seconds);

#endif /* NEX_BASE_ARCHIVE_H */
