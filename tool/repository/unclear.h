/*-------------------------------------------------------------------------
 *
 * unclear.h
 *	  What lies where manifests are looked for, and cannot be understood.
 *
 * A link, a directory that cannot be opened or a name that is no database's
 * may hide any number of backups.  Nobody knows then which objects are needed,
 * so whoever removes something asks here first.  Each place is named once, by
 * a warning, and kept in the repository, so that the command can end with an
 * error and "doctor" can name it, too.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_UNCLEAR_H
#define NEX_UNCLEAR_H

#include "backup_name.h"
#include "repository_state.h"

/* Warn of a path that could not be looked at; counts: backups may be hidden by it. */
extern void unclear_error(Repository *repository, const char *path, const StoreResult *result,
						  bool counts);

/* Can a directory be listed?  An absent one can. */
extern StoreResult unclear_probe(Repository *repository, const char *path);

/* A name in a directory, which is none of ours; a directory's name ends in '/'. */
extern void unclear_name(Repository *repository, const char *directory, const char *name);

/* A directory without anything in it, as that of a disk that is not mounted. */
extern void unclear_empty(Repository *repository, const char *path);

/* The same if it is empty, and is known to have held backups. */
extern void unclear_emptied(Repository *repository, const char *path);

/* Directories beside "backups" and the like that may be those, renamed: by their name, or by
 * manifests in them. */
extern void unclear_top_level(Repository *repository);

/*
 * Look at everything that somebody who removes objects must be able to see and
 * to change.  What is not understood has been named.
 */
extern void unclear_look_at_all(Repository *repository);

/* Only warn, for whoever adds something. */
extern void unclear_warn(Repository *repository);

/*
 * After that: false (reported, exit 1) if one of these would be stored where a disk is missing.  It
 * would fill another one, and nobody could tell any more that what was there before is not.
 */
extern bool unclear_may_add(Repository *repository, const BackupName *names, int count);

/* True if nothing is unclear; else reports (exit 1). */
extern bool unclear_report(const Repository *repository);
extern bool unclear_report_hint(const Repository *repository, const char *hint);

#endif /* NEX_UNCLEAR_H */
