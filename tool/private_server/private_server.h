/*-------------------------------------------------------------------------
 *
 * private_server.h
 *	  A server of our own, on files of ours, that nobody else can reach and
 *	  that is gone when we are.
 *
 * It is how a single table of a base backup is read: what the files mean, only
 * a server knows.  The files may come from anywhere, so what others have put
 * into them must not act: see server_settings.h.  It runs in three turns:
 * recovery, in which it serves nobody; without any server process around it,
 * to create the role that we connect as; and then for us.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_PRIVATE_SERVER_H
#define NEX_PRIVATE_SERVER_H

#include "buffer.h"
#include "private_directory.h"
#include "server_process.h"

typedef struct PrivateServer
{
	PrivateDirectory directory;
	int version;       /* 150018; the major version counts */
	char *program;     /* "postgres" of it */
	char *data;        /* the data directory, which its user fills before the recovery */
	char *log;         /* what the server said */
	char *user;        /* of the operating system */
	char *role;        /* as which to connect, a superuser */
	char *far_sockets; /* this, if it is elsewhere; or NULL */
	char *sockets;     /* where it listens */
	ServerProcess process;
} PrivateServer;

/*
 * May a server run as the user that we are?  False (reported) if not.  To be freed by
 * private_server_end() in any case.
 */
extern bool private_server_begin(PrivateServer *server);

/* Is there a program of this major version here?  Creates nothing.  False (reported) if not. */
extern bool private_server_look(PrivateServer *server, const char *bindir, int version);

/* Make its directory in another one; what killed programs have left there is removed first. */
extern bool private_server_make(PrivateServer *server, const char *base);

/*
 * Its data directory is filled: recover it with these settings, which end in a
 * promotion, over so many segments.  False (reported) on failure.
 */
extern bool private_server_recover(PrivateServer *server, const Buffer *settings,
								   uint64_t segments);

/* Start it for so many sessions of ours.  False (reported) on failure. */
extern bool private_server_start(PrivateServer *server, int sessions);

/* Stop it and remove its files, but for what else is in the directory. */
extern void private_server_discard(PrivateServer *server);

/* The same, and all that is left. */
extern void private_server_end(PrivateServer *server);

#endif /* NEX_PRIVATE_SERVER_H */
