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

#include "settings.h"

#define TARGET_MAX_OPTIONS 64

/*
 * Built from -d/-h/-p/-U, the environment and libpq's defaults; -d may be a
 * conninfo string or URI, as in psql.  A password that was given in a
 * conninfo, by PGPASSWORD or at a prompt is kept apart, and handed to child
 * programs in a private passfile, never in argv or their environment.
 */
typedef struct ConnectionTarget
{
	char *keywords[TARGET_MAX_OPTIONS];
	char *values[TARGET_MAX_OPTIONS];
	int count;
	char *password; /* NULL: none, or found by libpq itself in .pgpass */
	bool may_ask;   /* no -w */
	bool last_word; /* connect even after a stop was requested, but soon or not at all */
} ConnectionTarget;

/*
 * database NULL: the one of the settings.  NULL (error reported) on bad input.
 * A password that was typed once in this run holds for every target made here.
 */
extern ConnectionTarget *target_create(const Settings *settings, const char *database);

/* From a conninfo string, URI or plain database name; NULL (error reported) on bad input. */
extern ConnectionTarget *target_from_conninfo(const char *conninfo);
extern ConnectionTarget *target_with_database(const ConnectionTarget *target, const char *database);
extern void target_free(ConnectionTarget *target);

/* The database name asked for; NULL if libpq decides by user name. */
extern const char *target_database(const ConnectionTarget *target);

/* Add a server option such as "-c synchronous_commit=off" to those that the user gave. */
extern void target_add_option(ConnectionTarget *target, const char *option);

/*
 * The conninfo string for pg_dumpall, which, unlike pg_dump, writes times (VALID
 * UNTIL) as the server's settings have it; they are pinned here.
 */
extern char *target_conninfo_for_pg_dumpall(const ConnectionTarget *target, const char *database,
											const char *directory);

/* Let every session act as this role. */
extern void target_set_role(ConnectionTarget *target, const char *role);

/* Ask for a password on the terminal; false if there is none. */
extern bool target_ask_password(ConnectionTarget *target);

/*
 * A conninfo string without any secret, for a child's argv (`-d …`).  If the
 * target has a password, a passfile (0600) is created in `directory` and
 * named in the string.  NULL (error reported) if that fails.  Caller frees.
 */
extern char *target_conninfo_for_child(const ConnectionTarget *target, const char *directory);

#endif /* NEX_TARGET_H */
