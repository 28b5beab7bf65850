/*-------------------------------------------------------------------------
 *
 * target.h
 *	  Where and how to connect.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_TARGET_H
#define NEX_TARGET_H

#include <stdbool.h>
#include <libpq-fe.h>

typedef struct Settings Settings;

#define TARGET_MAX_OPTIONS 64

/*
 * Built from -d/-h/-p/-U, the environment and libpq's defaults; -d may be a
 * conninfo string or URI, as in psql.  A password that was given in a
 * conninfo, by PGPASSWORD or at a prompt is kept apart.  It and other secrets
 * are handed to child programs in private files, never in argv or their
 * environment.
 */
typedef struct ConnectionTarget
{
	char *keywords[TARGET_MAX_OPTIONS];
	char *values[TARGET_MAX_OPTIONS];
	int count;
	char *password; /* NULL: none, or found by libpq itself in .pgpass */
	bool may_ask;   /* no -w */
	bool last_word; /* connect even after a stop was requested, but soon or not at all */
	_Atomic int server_version; /* as the last session, of any thread, found it; 0: not known */
	int patience; /* seconds that an answer of the server may take; 0: any number of them */
	bool bound_lock_waits; /* sessions wait for a lock no longer than this: */
	int lock_timeout;      /* milliseconds; 0: any number of them */
	int lock_patience; /* seconds to wait for a lock while connecting, and then; 0: any number */
	bool user_timeout; /* tcp_user_timeout is the one of TARGET_USER_TIMEOUT */
} ConnectionTarget;

/*
 * What every target says unless the user's conninfo or service says something
 * else, so that a network that swallows everything ends connections, those of
 * child programs too, after two minutes instead of two hours.
 */
#define TARGET_KEEPALIVES_IDLE "60"     /* seconds */
#define TARGET_KEEPALIVES_INTERVAL "10" /* seconds */
#define TARGET_KEEPALIVES_COUNT "3"
#define TARGET_USER_TIMEOUT "120000" /* milliseconds */

/* What a connection may take unless the user says something else, those of child programs, too. */
#define TARGET_CONNECT_TIMEOUT "30" /* seconds */

/*
 * database NULL: the one of the settings.  NULL (error reported) on bad input.
 * A password that was typed once in this run holds for every target made here.
 */
extern ConnectionTarget *target_create(const Settings *settings, const char *database);

/* From a conninfo string, URI or plain database name; NULL (error reported) on bad input. */
extern ConnectionTarget *target_from_conninfo(const char *conninfo);
extern ConnectionTarget *target_with_database(const ConnectionTarget *target, const char *database);
extern void target_free(ConnectionTarget *target);

/* The value of a keyword; NULL if it has none.  The password is none of them. */
extern const char *target_get(const ConnectionTarget *target, const char *keyword);

/* Do the target, the environment or the service have a value for it? */
extern bool target_says(const ConnectionTarget *target, const char *keyword);

/* The database name asked for; NULL if libpq decides by user name. */
extern const char *target_database(const ConnectionTarget *target);

/* Add a server option such as "-c synchronous_commit=off" to those that the user gave. */
extern void target_add_option(ConnectionTarget *target, const char *option);

/* Let it have these server options alone. */
extern void target_set_options(ConnectionTarget *target, const char *options);

/*
 * The conninfo string for pg_dumpall, which, unlike pg_dump, writes times (VALID
 * UNTIL) as the server's settings have it; they are pinned here.
 */
extern char *target_conninfo_for_pg_dumpall(const ConnectionTarget *target, const char *database,
											const char *directory);

/*
 * Drop that tcp_user_timeout, for sessions that send more than questions.  It
 * also ends a connection whose server is there, but has not taken what we
 * sent for so long: a COPY waits for a lock or a disk, and nothing is wrong.
 */
extern void target_send_patiently(ConnectionTarget *target);

/* Let every session act as this role. */
extern void target_set_role(ConnectionTarget *target, const char *role);

/* Ask for a password on the terminal; false if there is none. */
extern bool target_ask_password(ConnectionTarget *target);

/* True for a conninfo string or URI, by the rule that libpq's dbname expansion follows. */
extern bool is_conninfo(const char *text);

/*
 * "dbname='…'": the database of this very name.  pg_dumpall, as other programs
 * of PostgreSQL, takes a name with "=" in it for a connection string, and
 * would go where the name says.  Caller frees; as an option of pg_dumpall: the
 * same behind "--database=".
 */
extern char *conninfo_of_database(const char *name);
extern char *database_option(const char *name);

/* Does this keyword hold a secret, rather than the name of a file, say? */
extern bool target_keyword_is_secret(const PQconninfoOption *option);

/*
 * A connection string that may be written down: the same, but without secrets.
 * Caller frees.
 */
extern char *conninfo_without_secrets(const char *conninfo);

/*
 * A conninfo string without any secret, for a child's argv (`-d …`).  If the
 * target has secrets, files (0600) with them are created in `directory` and
 * named in the string; the child must be started with the environment that
 * belongs to that directory (subprocess.h).  NULL (error reported) if that
 * fails.  Caller frees.
 */
extern char *target_conninfo_for_child(const ConnectionTarget *target, const char *directory);

#endif /* NEX_TARGET_H */
