/*-------------------------------------------------------------------------
 *
 * cluster.h
 *	  Which databases a server has.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_CLUSTER_H
#define NEX_CLUSTER_H

#include "settings.h"

typedef struct ClusterDatabase
{
	char *name;
	char *printable;     /* the same for people */
	const char *skipped; /* NULL, or why it cannot be backed up: static text */
	bool closed;         /* it allows no connections, which its owner can see to */
} ClusterDatabase;

typedef struct ClusterDatabases
{
	ClusterDatabase *items;
	int count;
} ClusterDatabases;

/*
 * The databases of the server that the settings name, in the order of their
 * names, without template0 and without those that --exclude-database matches.
 * False (reported) if they cannot be read.
 */
extern bool cluster_databases(const Settings *settings, ClusterDatabases *databases);
extern void cluster_databases_free(ClusterDatabases *databases);

#endif /* NEX_CLUSTER_H */
