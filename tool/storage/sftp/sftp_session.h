/*-------------------------------------------------------------------------
 *
 * sftp_session.h
 *	  One conversation with an SFTP server: many requests on their way at the
 *	  same time, from any number of threads.
 *
 * A thread of the session reads the answers and gives each to the request that
 * has its number.  A request stays where it is until it is answered or the
 * session has ended, so nobody may leave it before sftp_wait().  What is on its
 * way is bounded by number and by bytes; small requests, such as the renewal of
 * a lease, do not wait behind the content of files.
 *
 * The session ends when the program that carries it ends, when the server says
 * what it must not say, or is silent for too long while it owes an answer.  It
 * is not begun again: handles of files end with it, so the operation that they
 * belong to is (sftp_link.h).
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_SFTP_SESSION_H
#define NEX_SFTP_SESSION_H

#include "sftp_packet.h"
#include "store_result.h"

typedef struct SftpSession SftpSession;

/* A request, and what was answered. */
typedef struct SftpRequest
{
	Buffer packet;       /* begun by sftp_packet_begin() */
	const void *content; /* sent behind it, of a SFTP_WRITE */
	size_t length;
	void *into; /* for the bytes of a SFTP_READ: */
	size_t wanted;
	size_t got;

	uint32_t number;
	bool sent;     /* or a part of it */
	bool sending;  /* not yet all of it */
	bool left;     /* nobody waits for the answer */
	bool answered; /* else the session has ended */
	uint8_t type;  /* of the answer; of a status: */
	uint32_t status;
	char text[SFTP_TEXT_SIZE];
	Buffer answer; /* what follows the number, but of a status or data */
} SftpRequest;

/* NULL with a failure if there is no conversation after so many seconds. */
extern SftpSession *sftp_session_open(char *const *argv, int connect_seconds, int silent_seconds,
									  StoreResult *result);
extern void sftp_session_close(SftpSession *session);

extern bool sftp_session_alive(SftpSession *session);
extern bool sftp_session_can(const SftpSession *session, SftpExtension extension);

/* So much a read or a write may be of. */
extern size_t sftp_session_piece(const SftpSession *session);

/* Wait for what nobody waits for, as the removal of a temporary file; not for long. */
extern void sftp_session_settle(SftpSession *session);

/* Why it has ended: STORE_UNREACHABLE. */
extern StoreResult sftp_session_failure(SftpSession *session);

extern void sftp_request_init(SftpRequest *request, SftpType type);
extern void sftp_request_free(SftpRequest *request);

/* Send it, without waiting for the answer. */
extern void sftp_send(SftpSession *session, SftpRequest *request);

/* The same for a request that nobody waits for: it is copied, and then reset. */
extern void sftp_send_and_leave(SftpSession *session, SftpRequest *request);

/* False if the session ended before the answer. */
extern bool sftp_wait(SftpSession *session, SftpRequest *request);

/* Without waiting. */
extern bool sftp_is_answered(SftpSession *session, const SftpRequest *request);

/* A code of SftpStatus, SFTP_OK for what was asked for, or that the session has ended. */
#define SFTP_ENDED (-1)
extern int sftp_outcome(SftpSession *session, SftpRequest *request);

/* Send it, and wait. */
extern int sftp_ask(SftpSession *session, SftpRequest *request);

#endif /* NEX_SFTP_SESSION_H */
