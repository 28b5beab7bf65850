/*-------------------------------------------------------------------------
 *
 * sftp_clock.h
 *	  The clock of an SFTP server.
 *
 * The protocol does not tell the time, but the time of a file that was written
 * a moment ago does.  So ages are differences of two times of the server, to a
 * second or two, and no clock of ours counts.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_SFTP_CLOCK_H
#define NEX_SFTP_CLOCK_H

#include "sftp_storage.h"

/* What was just written has this time. */
extern void sftp_note_clock(SftpStorage *sftp, const SftpAttributes *written);

/* Was that a moment ago? */
extern bool sftp_clock_known(SftpStorage *sftp);

/* Seconds since it was written; negative: not known. */
extern double sftp_age(SftpStorage *sftp, const SftpAttributes *attributes);

#endif /* NEX_SFTP_CLOCK_H */
