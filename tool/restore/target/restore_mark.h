/*-------------------------------------------------------------------------
 *
 * restore_mark.h
 *	  The comment on a database that a restore fills.
 *
 * It says since when, and, if the database was there before and was taken for
 * the time of the restore, what it was like: so the next restore, or a person,
 * can give it back after a kill.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_RESTORE_MARK_H
#define NEX_RESTORE_MARK_H

#include <stdbool.h>

#include "connection.h"
#include "repository.h"
#include "sql_build.h"

/* What a database was like before a restore took it; NULL: nothing, or not known. */
typedef struct DatabaseBefore
{
	char *owner;
	unsigned owner_oid; /* 0: not known */
	char *to_public;    /* privileges that were taken from PUBLIC, as GRANT lists them */
	char *grants;       /* what is granted to superusers by name: JSON of the server */
	char *comment;
	int limit; /* of connections; -1: none */
} DatabaseBefore;

/* A session of the server: process ids are used again, so the time of its beginning belongs to it.
 */
typedef struct MarkSession
{
	int pid;
	long long began; /* by the server's clock */
} MarkSession;

/*
 * The comment; `before` is NULL for a database that the restore made, `session`
 * the one that lives as long as the restore does.  Caller frees.
 */
extern char *restore_mark(const BackupName *backup, const MarkSession *session,
						  const DatabaseBefore *before);

/*
 * Has the present owner of database d written its comment, and has nothing been changed in d's
 * row since?  Who may write the comment are owners, former ones included, and it stays when the
 * database gets another one; but the row of pg_database is then younger than the comment.
 * VACUUM changes neither.  Ages are compared because transaction ids wrap around.
 */
#define MARK_IS_OF_OWNER                                                                           \
	"coalesce((SELECT pg_catalog.age(s.xmin) BETWEEN 0 AND pg_catalog.age(d.xmin)"                 \
	" AND pg_catalog.age(d.xmin) < 2147483647 FROM pg_catalog.pg_shdescription s"                  \
	" WHERE s.objoid = d.oid AND s.classoid = 'pg_catalog.pg_database'::pg_catalog.regclass),"     \
	" false)"

/* Is d as closed as a restore makes a new database?  One of a superuser lets nobody else in. */
#define MARKED_IS_CLOSED                                                                           \
	"(d.datconnlimit = 0 OR NOT d.datallowconn OR (NOT EXISTS (SELECT FROM pg_catalog.aclexplode(" \
	"coalesce(d.datacl, pg_catalog.acldefault('d', d.datdba))) a WHERE a.grantee <> d.datdba"      \
	" AND a.privilege_type = 'CONNECT')))"

/* How the statement that creates a database goes on behind the name. */
#define NEW_DATABASE_OPTIONS " WITH TEMPLATE template0 ALLOW_CONNECTIONS false CONNECTION LIMIT 0"

/*
 * Has d what only a database has that a restore has created and not yet marked?  It is closed in
 * two ways at once, which nobody needs who closes one, and nothing was said or granted of it since.
 */
#define IS_UNMARKED                                                                                \
	"(NOT d.datallowconn AND d.datconnlimit = 0 AND NOT d.datistemplate AND d.datacl IS NULL"      \
	" AND pg_catalog.shobj_description(d.oid, 'pg_database') IS NULL"                              \
	" AND NOT EXISTS (SELECT FROM pg_catalog.pg_db_role_setting s WHERE s.setdatabase = d.oid))"

/*
 * Is it the mark of a restore of this database, as this version writes it?
 * Sets the id of *backup.  *taken: the target existed before, as an empty
 * database.
 */
extern bool restore_mark_of(const char *comment, BackupName *backup, MarkSession *session,
							bool *taken);

/* Is this comment such a mark, of this version or an older one? */
extern bool restore_mark_is(const char *comment);

/* What a mark says about the time before; false if it says nothing.  Free *before in any case. */
extern bool restore_mark_read(const char *comment, DatabaseBefore *before);

extern void database_before_free(DatabaseBefore *before);

/* Add the command that gives a database this comment; NULL: none. */
extern void database_comment_add(SqlText *sql, const char *database, const char *comment);

/*
 * The comment of a database, if this session can write it again; else NULL, after a
 * warning (session_text.h).  Takes the comment over, which may be NULL.
 */
extern char *restore_mark_own_comment(const Connection *connection, char *comment);

#endif /* NEX_RESTORE_MARK_H */
