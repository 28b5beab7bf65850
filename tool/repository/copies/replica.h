/*-------------------------------------------------------------------------
 *
 * replica.h
 *	  A second place of a repository: opening it, and making it.
 *
 * A manifest names the repository that it belongs to, and may be signed, so a
 * copy of it that is right byte for byte belongs to the same repository.  A
 * replica therefore has the nex_backup.json of the repository that it was
 * copied from, with its id, and opens by the same keys.  What lies there besides,
 * and for how long, is its own.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_REPLICA_H
#define NEX_REPLICA_H

#include "repository.h"

/*
 * Open the place of a repository at a location.  Where nothing is, it is made
 * only if that was asked for (`create`), as a disk may be missing there; on a dry run
 * it is not, and *absent.  NULL (reported, or absent) if something else is there, as
 * another repository.
 */
extern Repository *replica_open(const Repository *from, const char *location, bool create,
								bool dry_run, bool *absent);

/*
 * Are both plain, or of one writer?  False (reported) if somebody has replaced the
 * nex_backup.json of one of them.
 */
extern bool replica_check_writer(const Repository *from, const Repository *to);

/*
 * Bring nex_backup.json and RECOVER.txt to a place of the same repository, by
 * what its backups say, if they are missing or damaged there.  *repaired: it was
 * done, or on a dry run would be.  False: reported.
 */
extern bool replica_repair_header(const Repository *from, const char *location, bool dry_run,
								  bool *repaired);

#endif /* NEX_REPLICA_H */
