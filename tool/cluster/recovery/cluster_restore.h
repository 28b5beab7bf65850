/*-------------------------------------------------------------------------
 *
 * cluster_restore.h
 *	  Restoring a whole cluster, ready to recover to a moment.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_CLUSTER_RESTORE_H
#define NEX_CLUSTER_RESTORE_H

#include "data_directory.h"
#include "recovery_plan.h"

typedef struct ClusterRestore
{
	const Settings *settings;
	Repository *repository;
	RecoveryPlan plan;
	BaseContent content;
	LaterTablespaces later;
	DataDirectory target;
	char *command;         /* restore_command */
	bool elsewhere;        /* postgresql.conf is not there, or names directories */
	bool access_elsewhere; /* it is, and names files that say who may connect */
} ClusterRestore;

/*
 * Find out from what, and see that it can be done; changes nothing.  False
 * (reported) if not.  To be freed in any case.
 */
extern bool cluster_restore_look(ClusterRestore *restore, const Settings *settings,
								 Repository *repository, const char *base);

/* The same of where it goes, which restore->target says. */
extern bool cluster_restore_check(const ClusterRestore *restore);

/* Do it.  False (reported) on failure; then no server starts from what was made. */
extern bool cluster_restore_execute(ClusterRestore *restore);
extern void cluster_restore_free(ClusterRestore *restore);

#endif /* NEX_CLUSTER_RESTORE_H */
