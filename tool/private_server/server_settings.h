/*-------------------------------------------------------------------------
 *
 * server_settings.h
 *	  The settings of a server of our own: what it must not do, and who gets
 *	  in.
 *
 * They are all that it has: the files of the cluster that it is a copy of are
 * written over.  What those say is about another machine, and was set by others
 * for another purpose: to archive, to run programs, to load libraries, to
 * listen, to write elsewhere.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_SERVER_SETTINGS_H
#define NEX_SERVER_SETTINGS_H

#include "buffer.h"

typedef struct ServerAccess
{
	const char *sockets; /* directory */
	const char *user;    /* of the operating system, who alone gets in … */
	const char *role;    /* … as this role; NULL: nobody does */
	int sessions;
} ServerAccess;

/* postgresql.conf of a server of this version (150018). */
extern void server_settings_write(int version, const ServerAccess *access, Buffer *out);

/* pg_hba.conf and pg_ident.conf. */
extern void server_access_write(const ServerAccess *access, Buffer *hba, Buffer *ident);

/* What sessions must have against settings of databases and roles, as a connection string. */
extern const char *server_conninfo(int version);

#define SERVER_PORT "5432" /* a part of the socket's name, and of nothing else */

#endif /* NEX_SERVER_SETTINGS_H */
