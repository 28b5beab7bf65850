/*-------------------------------------------------------------------------
 *
 * schema.h
 *	  The schema of the database, by pg_dump on our snapshot.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_SCHEMA_H
#define NEX_SCHEMA_H

#include <stdatomic.h>

#include "connection.h"
#include "snapshot.h"

#define RESTRICT_KEY_LENGTH 63

typedef struct Schema
{
	/* input */
	ConnectionTarget *target;
	const char *database;
	const char *encoding; /* of the database */
	const char *snapshot;
	const char *bindir;
	const char *pg_dump; /* its path */
	int server_version;
	const char *directory;     /* private, for the archive */
	const char *role;          /* of our own sessions */
	const char *child_options; /* and what they have for children */
	const char *names;         /* of moved_objects_names() */
	char *const *unread;       /* patterns of what it is not to read (sequence_patterns.h) */
	char *application;         /* name of pg_dump's session */

	/* output */
	bool good;
	bool kept_out;     /* not reported: pg_dump could not lock the tables */
	char *moved;       /* not reported: what changed while it was read; NULL: nothing */
	atomic_bool stale; /* something did, so the backup is not worth going on with */
	atomic_bool ended; /* the thread is done */
	char *pg_dump_version;
	char *warnings; /* what pg_dump printed; "" if nothing */
	Buffer archive; /* members' texts */
	Buffer pre_data;
	Buffer post_data;
} Schema;

/* Thread function: runs pg_dump and pg_restore, which takes as long as the copying, and beside it.
 */
extern void *schema_dump(void *schema);
extern void schema_free(Schema *schema);

/* The first and last member of a backup; `key` protects psql from meta-commands in between. */
extern bool schema_restrict_key(char key[RESTRICT_KEY_LENGTH + 1]);
extern void schema_head(Buffer *sql, const char *key, const char *encoding);
extern void schema_tail(Buffer *sql, const char *key);

/* Sessions of one backup that share no snapshot. */
#define OTHER_SERVER_HINT                                                                          \
	"The session that holds it has ended, or they reached different servers: name one server "     \
	"with -h, not a load balancer."

#endif /* NEX_SCHEMA_H */
