/*-------------------------------------------------------------------------
 *
 * ages.h
 *	  From which age on something needs attention.
 *
 * Read by doctor, by notify (which can be told another age for backups, and
 * doctor goes by that), and by the makefile, which writes the numbers into the
 * SQL of nex_backup_status() in the place of @NAME@.  A header and not a
 * function of the module: an update must work while the server still has the
 * library of the version before.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_AGES_H
#define NEX_AGES_H

/* A day, and two hours for a backup that takes longer than the one before. */
#define BACKUP_LATE_HOURS 26

/* Two nights without a backup. */
#define BACKUP_LOST_HOURS 48

#define VERIFY_LATE_DAYS 30

/* For so long WAL may wait to be archived. */
#define ARCHIVE_LATE_MINUTES 5
#define ARCHIVE_LOST_MINUTES 10

/* Expire met somebody at work for so long: a daily one has come three times then. */
#define IN_USE_LATE_HOURS 46

/* A number of hours as the value of an option. */
#define NUMBER_TEXT(number) #number
#define HOURS_TEXT(number) NUMBER_TEXT(number) "h"

#endif /* NEX_AGES_H */
