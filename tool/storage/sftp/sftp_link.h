/*-------------------------------------------------------------------------
 *
 * sftp_link.h
 *	  The way to an SFTP server: sessions, and other ones when they have ended.
 *
 * One session does nearly everything.  Only the content of files, when there is
 * much of it at the same time, goes by some more: one connection of ssh is
 * encrypted by one processor at each end, and has not more than two megabytes on
 * its way, so with 50 ms of distance it moves 40 MB/s.  A server that lets us
 * have no more than one loses us nothing else.
 *
 * What was on its way when a session ended may have been done or not.  Here an
 * operation is done once by a function that is given a session; it says
 * STORE_UNREACHABLE if nothing can have happened, STORE_UNKNOWN_OUTCOME if it
 * may have, and it is called again, with another session, as request_tries.h
 * says.  So each of these functions begins from the start, and knows its own
 * work when it finds it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_SFTP_LINK_H
#define NEX_SFTP_LINK_H

#include "lease.h"
#include "request_tries.h"
#include "sftp_session.h"

typedef struct SftpOptions
{
	const char *const *command; /* a program and its arguments, NULL at the end; NULL: ssh */
	const char *known_hosts;    /* the only file with keys of servers; NULL: as ssh is set up */
	int connect_seconds;        /* these three: 0 means that of the driver */
	int silent_seconds;
	int patience;
} SftpOptions;

typedef struct SftpAddress
{
	const char *user; /* NULL: as ssh is set up; so with port 0 */
	const char *host;
	int port;
	const char *path; /* "/srv/backup"; "~/backup" or "~": from where the server lets us begin */
} SftpAddress;

typedef struct SftpLink SftpLink;

/*
 * Nothing is started yet; all is copied.  Whoever wants the same way has the same
 * link; the last one that was closed is kept for the next, as a login takes longer
 * than most of what is done after it.
 */
extern SftpLink *sftp_link_open(const SftpAddress *address, const SftpOptions *options);
extern void sftp_link_close(SftpLink *link);

/* Do it once; `argument` is what sftp_do() was given. */
typedef StoreResult (*SftpOnce)(SftpSession *session, void *argument);

typedef struct SftpWork
{
	SftpOnce once;
	void *argument;
	bool content;    /* much of it is moved */
	Leases *leases;  /* to be done only while these are held; NULL: always */
	bool maybe_done; /* set: an earlier try may have been carried out */
} SftpWork;

/* Begin all connections that much content is worth, while others work. */
extern void sftp_link_widen(SftpLink *link);

extern StoreResult sftp_do(SftpLink *link, SftpWork *work);

#endif /* NEX_SFTP_LINK_H */
