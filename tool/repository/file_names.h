/*-------------------------------------------------------------------------
 *
 * file_names.h
 *	  Names that nex_backup gives to files of a repository.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_FILE_NAMES_H
#define NEX_FILE_NAMES_H

#include <stdbool.h>

#include "names.h"

/* The file that makes a directory a repository. */
#define FRAME_FILE "nex_backup.json"

/* How to get at backups without this program. */
#define RECOVER_FILE "RECOVER.txt"

/* The file of a server's own directory that is no directory (server_identity.h). */
#define SERVER_FILE "server.json"

extern bool file_name_ends_with(const char *text, const char *end);

/* Is this the name of a manifest, "ID.json"?  Then its id. */
extern bool manifest_name_id(const char *name, char id[BACKUP_ID_SIZE]);

/* Is this the name of an unfinished file of ours; of something that lies beside a manifest? */
extern bool leftover_is_temporary(const char *name);
extern bool leftover_is_companion(const char *name);

#endif /* NEX_FILE_NAMES_H */
