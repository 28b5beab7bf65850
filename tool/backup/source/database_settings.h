/*-------------------------------------------------------------------------
 *
 * database_settings.h
 *	  What belongs to the database itself: its properties for CREATE
 *	  DATABASE, and its settings, grants and comment.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_DATABASE_SETTINGS_H
#define NEX_DATABASE_SETTINGS_H

#include "connection.h"
#include "manifest.h"

/* Name, owner, encoding, locale, …; and what is known of the server.  False (reported) on failure.
 */
extern bool database_read(Connection *connection, ManifestDatabase *database,
						  ManifestServer *server);

/*
 * The timeline that a server writes, as the digits of server_timeline(); NULL of a standby.  The
 * last checkpoint is of the one before for minutes after a promotion.
 */
#define SQL_TIMELINE                                                                               \
	"CASE WHEN NOT pg_catalog.pg_is_in_recovery() THEN pg_catalog.substr("                         \
	"pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_lsn()), 1, 8) END"

/* Until when transactions were replayed by a standby; NULL otherwise, or if there were none. */
#define SQL_REPLAYED_UNTIL                                                                         \
	"CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.to_char(pg_catalog.timezone('UTC',"  \
	" pg_catalog.pg_last_xact_replay_timestamp()), 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"') END"

/* 0 if there are none. */
extern int server_timeline(const char *digits);

/* The timeline that a standby is on, if that is known to be a later one than is entered. */
extern void standby_timeline_read(Connection *connection, ManifestServer *server);

/* What is known of the server.  False (reported) on failure. */
extern bool server_read(Connection *connection, ManifestServer *server);

/*
 * Append SQL that gives the database connected to (whatever its name) the
 * settings, grants, comment and security labels of this one; and note what the
 * roles can do that have settings here.  What a restore would not take is left
 * out, with a warning.
 */
extern bool database_settings_read(Connection *connection, SqlText *sql, Manifest *manifest);

#endif /* NEX_DATABASE_SETTINGS_H */
