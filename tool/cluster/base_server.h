/*-------------------------------------------------------------------------
 *
 * base_server.h
 *	  The server whose files are backed up: is it here, does it archive its
 *	  WAL, and the two calls between which its files may be copied.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_BASE_SERVER_H
#define NEX_BASE_SERVER_H

#include "connection.h"
#include "manifest.h"

typedef struct BaseServer
{
	Connection *connection;
	char *data_directory;
	uint32_t relation_blocks; /* of one file of a relation */
	long port;
	uint64_t archived; /* files that its archiver has archived since it counts */
} BaseServer;

/*
 * Read what the manifest says of the server, and refuse one whose files cannot
 * be backed up: a standby, one that does not archive, one of another machine.
 * False (reported) then.
 */
extern bool base_server_look(BaseServer *server, Manifest *manifest);
extern void base_server_free(BaseServer *server);

/* From here on, and until the end or the end of the session, files may be copied. */
extern bool base_server_start(BaseServer *server, Manifest *manifest, bool fast);

/* The end: gives the manifest what recovery needs to know. */
extern bool base_server_stop(BaseServer *server, Manifest *manifest);

/* Is the data directory that is open really that of this server, now?  False (reported) if not. */
extern bool base_server_is_here(const BaseServer *server, int directory, const Manifest *manifest);

/* What the server says of its archiving, as a detail of an error; caller frees.  NULL: nothing. */
extern char *base_server_archiver(const BaseServer *server);

#endif /* NEX_BASE_SERVER_H */
