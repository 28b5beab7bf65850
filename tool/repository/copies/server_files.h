/*-------------------------------------------------------------------------
 *
 * server_files.h
 *	  Bringing servers/LABEL/server.json from one place of a repository to another.
 *
 * The file stops backups of a server that is not the one it knows, so nothing
 * takes the place of a good one but a list that goes on where it ends.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_SERVER_FILES_H
#define NEX_SERVER_FILES_H

#include "repository.h"

/*
 * Copy the record of a server, as stored (owner.h), if it says more than the one there, or that is
 * damaged.  False (reported) if it is damaged itself, or contradicts the one there.
 */
extern bool server_file_copy(Repository *from, Repository *to, const char *server);

/* Bring it back if the one in `to` is damaged.  False: reported. */
extern bool server_file_repair(Repository *from, Repository *to, const char *server, bool dry_run);

#endif /* NEX_SERVER_FILES_H */
