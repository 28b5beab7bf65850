/*-------------------------------------------------------------------------
 *
 * resolve.h
 *	  Which backup a name means.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_RESOLVE_H
#define NEX_RESOLVE_H

#include "backup_name.h"
#include "repository_state.h"

/* The latest backup of a set (id NULL), or this one; reports (exit 1) if there is none. */
extern bool repository_resolve_set(Repository *repository, const char *set, const char *id,
								   BackupName *name);

/*
 * The latest backup of a database; false if there is none, or none that can be
 * seen, which is a warning.  Which one is the latest is decided by choose.c
 * alone, by the time of the snapshot; a list is in the order of the ids.
 */
extern bool repository_latest(Repository *repository, const Owner *owner, BackupName *name);

/*
 * Resolve "DB" (its latest) or "DB/ID".  What has the form of the latter is
 * never a database of that name, whose backups need their id, too.
 * GLOBALS_DATABASE and "/ID" are backups of the globals.  They are those of
 * the repository's server; LABEL@DB and LABEL@ are those of another.  Reports
 * (exit 1, with what there is as a hint) if nothing matches.
 */
extern bool repository_resolve(Repository *repository, const char *text, BackupName *name);

/*
 * A base backup: "ID", "SYSTEM/ID", the latest of "SYSTEM" (a system identifier, as pg_controldata
 * or our lists show it), or if there is only one (NULL) of that.  Reports (exit 1, or 2 if it is no
 * such name) if nothing matches, or more than one.
 */
extern bool repository_resolve_cluster(Repository *repository, const char *text, BackupName *name);

/* The same at a time: the latest backup of DB that is not after it. */
extern bool repository_resolve_at(Repository *repository, const char *text, double at,
								  BackupName *name);

/*
 * Is there anything of the repository's server, or nothing of any?  False (reported, exit 1) if
 * its name must be a slip.
 */
extern bool repository_check_server(Repository *repository);

/* The owner that a name without an id means; false (reported, exit 2) if it may be two. */
extern bool repository_owner_named(Repository *repository, const char *text, Owner *owner);

#endif /* NEX_RESOLVE_H */
