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

typedef struct Settings Settings;

/* From the base backup that is named, or the one that fits (NULL). */
extern bool restore_cluster(const Settings *settings, const char *base, bool json);

#endif /* NEX_RESTORE_CLUSTER_H */
