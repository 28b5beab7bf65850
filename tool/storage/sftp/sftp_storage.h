/*-------------------------------------------------------------------------
 *
 * sftp_storage.h
 *	  What the sources behind sftp.h share; sftp.h is for all others.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_SFTP_STORAGE_H
#define NEX_SFTP_STORAGE_H

#include <pthread.h>

#include "lease.h"
#include "sftp_link.h"
#include "storage.h"

/* So many files at once hide the time that a request is on its way. */
#define SFTP_FILES_AT_ONCE 16

/* How a name is given that nobody may have yet. */
typedef enum NewName
{
	NAME_NOT_TRIED,
	NAME_BY_LINK,   /* hardlink@openssh.com */
	NAME_BY_RENAME, /* that of version 3, which refuses here */
	NAME_BY_LOOKING /* neither; another's file could be replaced */
} NewName;

/* What a server cannot do, and was said. */
typedef enum SftpLack
{
	LACKS_FSYNC = 1,
	LACKS_REPLACE = 2,
	LACKS_NEW_NAME = 4
} SftpLack;

typedef struct SftpStorage
{
	Storage storage; /* first, so that each is the other */
	SftpLink *link;
	char *location;
	char *base;     /* what all paths begin with: "/srv/backup/", "", "backup/" */
	char nonce[17]; /* makes temporary names ours alone */
	LeaseStore lease_store;
	Leases *leases;

	pthread_mutex_t lock; /* of: */
	char **directories;   /* which were looked at, and are none but directories; sorted */
	size_t directory_count;
	char **made; /* directories that we have made, and put nothing into yet */
	size_t made_count;
	NewName new_name;
	unsigned lacks;
	bool clock_known;
	double clock; /* the server's time, less monotonic_seconds() */
	double clock_set;
} SftpStorage;

/* The server's path of one of the repository; "." is all of it.  Caller frees. */
extern char *sftp_path(const SftpStorage *sftp, const char *path);

/* Begin a request for a path. */
extern void sftp_request_for(const SftpStorage *sftp, SftpRequest *request, SftpType type,
							 const char *path);

/* A temporary name beside a path, which nobody else uses; caller frees. */
extern char *sftp_temporary(const SftpStorage *sftp, const char *path);

/* What an outcome of a request means; one that may have been carried out: STORE_UNKNOWN_OUTCOME. */
extern StoreResult sftp_result(const SftpRequest *request, int outcome);

/* The attributes that a request was answered with. */
extern StoreResult sftp_attributes_of(const SftpRequest *request, SftpAttributes *attributes);

/* What is at a path, itself: a link is a link. */
extern StoreResult sftp_look(SftpSession *session, const SftpStorage *sftp, const char *path,
							 SftpAttributes *attributes);

extern bool sftp_is_there(SftpSession *session, const SftpStorage *sftp, const char *path);

/* Remove it, and wait for no answer. */
extern void sftp_remove_and_leave(SftpSession *session, const SftpStorage *sftp, const char *path);

/* Close a handle, and wait for no answer. */
extern void sftp_close_and_leave(SftpSession *session, const Buffer *handle);

/* How much may still be written there; false if the server does not say. */
extern bool sftp_free_space(SftpSession *session, const SftpStorage *sftp, uint64_t *free_bytes);

/* Writing so many bytes has failed: what is the reason? */
extern StoreResult sftp_why_failed(SftpSession *session, const SftpStorage *sftp, uint64_t length,
								   const StoreResult *failure);

/* Say once that the server lacks something. */
extern void sftp_say_lack(SftpStorage *sftp, SftpLack lack);

/* All that is known to be lacking, for people. */
extern void sftp_list_lacks(SftpSession *session, SftpStorage *sftp,
							const char *texts[STORE_LACKS]);

#endif /* NEX_SFTP_STORAGE_H */
