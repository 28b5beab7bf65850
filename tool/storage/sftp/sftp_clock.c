/*-------------------------------------------------------------------------
 *
 * sftp_clock.c
 *	  The clock of an SFTP server.
 *
 *-------------------------------------------------------------------------
 */
#include "sftp_clock.h"

#include "deadline.h"

/* For so many seconds our own clock tells how much later it is there. */
#define KNOWN_SECONDS 10.0

void
sftp_note_clock(SftpStorage *sftp, const SftpAttributes *written)
{
	double now = monotonic_seconds();

	if (!written->has_times)
		return;
	pthread_mutex_lock(&sftp->lock);
	sftp->clock = (double) written->modified - now;
	sftp->clock_set = now;
	sftp->clock_known = true;
	pthread_mutex_unlock(&sftp->lock);
}

bool
sftp_clock_known(SftpStorage *sftp)
{
	bool known;

	pthread_mutex_lock(&sftp->lock);
	known = sftp->clock_known && monotonic_seconds() - sftp->clock_set < KNOWN_SECONDS;
	pthread_mutex_unlock(&sftp->lock);
	return known;
}

double
sftp_age(SftpStorage *sftp, const SftpAttributes *attributes)
{
	double age = -1;

	pthread_mutex_lock(&sftp->lock);
	if (sftp->clock_known && attributes->has_times)
	{
		age = monotonic_seconds() + sftp->clock - (double) attributes->modified;
		if (age < 0)
			age = 0;
	}
	pthread_mutex_unlock(&sftp->lock);
	return age;
}
