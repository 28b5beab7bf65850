/*-------------------------------------------------------------------------
 *
 * restore_cluster.h
 *	  nex_backup restore --cluster
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_RESTORE_CLUSTER_H
#define NEX_RESTORE_CLUSTER_H

#include <stdbool.h>

#include <jansson.h>

#include "cluster_restore.h"

/* What a recovery is going to do, for people and for programs. */
extern void recovery_plan_show(const ClusterRestore *restore);
extern json_t *recovery_plan_json(const ClusterRestore *restore, bool done);

/* From the base backup that is named, or the one that fits (NULL). */
extern bool restore_cluster(const Settings *settings, const char *base, bool json);

#endif /* NEX_RESTORE_CLUSTER_H */
