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

/* What is known of the server.  False (reported) on failure. */
extern bool server_read(Connection *connection, ManifestServer *server);

/*
 * Append SQL that gives the database connected to (whatever its name) the
 * settings, grants, comment and security labels of this one; and note what the
 * roles can do that have settings here.
 */
extern bool database_settings_read(Connection *connection, SqlText *sql,
								   ManifestDatabase *database);

#endif /* NEX_DATABASE_SETTINGS_H */
