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

/* The file of a server's own directory that is no directory (server_identity.h). */
#define SERVER_FILE "server.json"

extern bool file_name_ends_with(const char *text, const char *end);

/* Is this the name of an unfinished file of ours; of something that lies beside a manifest? */
extern bool leftover_is_temporary(const char *name);
extern bool leftover_is_companion(const char *name);

#endif /* NEX_FILE_NAMES_H */
