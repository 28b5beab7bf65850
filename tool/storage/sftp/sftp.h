/*-------------------------------------------------------------------------
 *
 * sftp.h
 *	  A repository on an SFTP server.
 *
 * To its users it is a directory: files have temporary names until they are
 * whole, directories are made and removed.  But no kernel keeps locks there that
 * this machine could have, so the locks are leases, and with them expire works
 * in two steps, as in a bucket.  The driver shares the leases (lease.h) and the
 * rules for trying again (request_tries.h) with buckets.  It shares no code with
 * posix.c, which holds on to descriptors that lead nowhere else, and renames by
 * flags of the kernel; and none with storage/bucket, whose objects are put by one
 * request each, under conditions that the server checks.
 *
 * The transport is the user's own ssh: keys, agents, jump hosts and known hosts
 * are set up there, and tested there.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_SFTP_H
#define NEX_SFTP_H

#include "sftp_link.h"
#include "storage.h"

/* NULL if *result is not good.  The directory is made if it is not there (`create`). */
extern Storage *sftp_storage_open(const SftpAddress *address, const SftpOptions *options,
								  bool create, StoreResult *result);

#endif /* NEX_SFTP_H */
