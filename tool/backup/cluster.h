/*-------------------------------------------------------------------------
 *
 * cluster.h
 *	  Which databases a server has.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_CLUSTER_H
#define NEX_CLUSTER_H

#include <stdbool.h>

typedef struct Settings Settings;

typedef struct ClusterDatabase
{
	char *oid;
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

/*
 * Look again: it may have been renamed, closed or dropped since the list was
 * made.  True if it has another name now, or is to be skipped.  If the server
 * cannot be asked, which is reported, it stays as it was listed.
 */
extern bool cluster_database_look(const Settings *settings, ClusterDatabase *database);
extern void cluster_databases_free(ClusterDatabases *databases);

#endif /* NEX_CLUSTER_H */
