/*-------------------------------------------------------------------------
 *
 * cluster_target.h
 *	  Which backups a restore of everything takes, and whether the server has
 *	  room for them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_CLUSTER_TARGET_H
#define NEX_CLUSTER_TARGET_H

#include "repository.h"

typedef struct Settings Settings;

typedef struct ClusterTargetItem
{
	BackupName backup;
	char *printable;    /* name of the database for people */
	Manifest *manifest; /* NULL: damaged, which its turn says; or taken over */
} ClusterTargetItem;

typedef struct ClusterTarget
{
	ClusterTargetItem *items; /* in the order of their names */
	int count;
	BackupName *names;         /* all of the repository */
	const BackupName *globals; /* NULL: there is none */
} ClusterTarget;

/*
 * Choose the latest backup of each database, or with --at the latest that is
 * not after it, without those that --exclude-database matches, and read their
 * manifests: expire may remove them in the hours until their turn, but no
 * object as long as the repository is locked.  See that the server has no database of such a name
 * that is not empty.  False (reported, with the list of those in the way) if it cannot be done.
 */
extern bool cluster_target_plan(ClusterTarget *target, const Settings *settings,
								Repository *repository);
extern void cluster_target_free(ClusterTarget *target);

#endif /* NEX_CLUSTER_TARGET_H */
