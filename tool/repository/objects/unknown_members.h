/*-------------------------------------------------------------------------
 *
 * unknown_members.h
 *	  Looking for SQL of unknown form in a backup, before any of it runs.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_UNKNOWN_MEMBERS_H
#define NEX_UNKNOWN_MEMBERS_H

#include "known_sql.h"
#include "repository.h"

typedef struct Settings Settings;

/*
 * Look through the members "database", "sequences" and "globals" of a backup,
 * as far as its manifest names them.  False (reported) if one cannot be read;
 * an encrypted one without a key is no error, but not looked at.
 */
extern bool unknown_members_find(Repository *repository, const Manifest *manifest,
								 UnknownMembers *unknown);

/*
 * Before a restore: false (reported, exit 3, with the statement) if there is
 * any and the settings do not allow it; a warning if they do.
 */
extern bool unknown_members_refuse(const Settings *settings, Repository *repository,
								   const Manifest *manifest);

/* The same before objects were checked: what is damaged passes, for its restore will say so. */
extern bool unknown_members_refuse_early(const Settings *settings, Repository *repository,
										 const Manifest *manifest);

/*
 * The SQL of a member for the server, written again from what was read.  What
 * has no known form goes in as it stands if the settings allow it; else
 * false (reported).
 */
extern bool known_member_sql(const Settings *settings, const Manifest *manifest, MemberKind member,
							 const char *text, const char *database, Buffer *sql);

#endif /* NEX_UNKNOWN_MEMBERS_H */
