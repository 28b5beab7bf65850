/*-------------------------------------------------------------------------
 *
 * server_record.h
 *	  servers/LABEL/server.json: that a server with another system identifier
 *	  is the same server.
 *
 * A person has said so (server_identity.h), and no manifest can tell, so the
 * file is copied, verified and repaired like the backups.  It only grows.  In an encrypted
 * repository it is signed, since version 0.3.0; one without a signature counts
 * where it lies, and is not copied.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_SERVER_RECORD_H
#define NEX_SERVER_RECORD_H

#include <jansson.h>

#include "backup_name.h"
#include "buffer.h"
#include "repository_state.h"

/* So many identifiers are kept of a server; the first ones go. */
#define SERVER_RECORD_MAX 100

typedef enum ServerRecordState
{
	SERVER_RECORD_GOOD,
	SERVER_RECORD_ABSENT,
	SERVER_RECORD_DAMAGED,
	SERVER_RECORD_UNREADABLE /* reported */
} ServerRecordState;

/* Relative to the repository, of a server as stored (owner.h); caller frees. */
extern char *server_record_path(const char *server);

/* Read the record of a server into a buffer.  *record: what it says, or NULL; caller decrefs. */
extern ServerRecordState server_record_load(const Repository *repository, const char *server,
											Buffer *file, json_t **record);

/* The same; *record is NULL if there is none.  False: reported. */
extern bool server_record_read(Repository *repository, const char *server, json_t **record);

/* The identifier that counts, which is the last one; NULL if there is none. */
extern const char *server_record_identifier(const json_t *record);
extern bool server_record_is_signed(const json_t *record);

/* That of a server's record; caller frees.  NULL if there is none.  False: reported. */
extern bool server_record_current(Repository *repository, const char *server, char **identifier);

/*
 * Keep that the server of this identifier is the one that `before` was.  record: what there
 * is, or NULL.  False: reported.
 */
extern bool server_record_write(Repository *repository, const char *server, json_t *record,
								const char *before, const char *identifier);

/*
 * Call it for each server, as stored, that has some of these backups, which are in the order of
 * the servers.  False if one of the calls said so.
 */
typedef bool (*ServerVisit)(const char *server, void *argument);
extern bool servers_each(const BackupName *names, int count, ServerVisit visit, void *argument);

/* Can the records of the servers of these backups be read?  False: reported. */
extern bool server_records_check(Repository *repository, const BackupName *names, int count);

#endif /* NEX_SERVER_RECORD_H */
