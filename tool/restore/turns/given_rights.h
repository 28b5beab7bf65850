/*-------------------------------------------------------------------------
 *
 * given_rights.h
 *	  What an author gets for its turn, and may use for one object alone.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_GIVEN_RIGHTS_H
#define NEX_GIVEN_RIGHTS_H

#include "archive_toc.h"
#include "connection.h"

typedef struct GivenRights
{
	PGresult *rights; /* what the author lacked: name, and whether it is a schema */
	PGresult *before; /* the relations that were in reach; NULL: nothing was given */
} GivenRights;

/* *needed: would anything have to be given?  False (reported) on failure. */
extern bool given_rights_needed(Connection *connection, const TocEntry *entry, const char *schema,
								bool *needed);

/*
 * Give the owner of the entry CREATE on the schema, and on the tablespace of
 * the entry, if it lacks that.  False (reported) on failure.
 */
extern bool given_rights_give(Connection *connection, const TocEntry *entry, const char *schema,
							  GivenRights *rights);

/*
 * Take it back.  False (reported) also if a relation was renamed, or has
 * another schema, owner or tablespace than before.
 */
extern bool given_rights_take(Connection *connection, const TocEntry *entry,
							  const GivenRights *rights);

extern void given_rights_free(GivenRights *rights);

#endif /* NEX_GIVEN_RIGHTS_H */
