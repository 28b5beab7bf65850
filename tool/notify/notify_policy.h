/*-------------------------------------------------------------------------
 *
 * notify_policy.h
 *	  What is worth a message.
 *
 * All of this is called with the lock of the directory held.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_NOTIFY_POLICY_H
#define NEX_NOTIFY_POLICY_H

#include <jansson.h>
#include <stdbool.h>
#include <time.h>

#include "backup_name.h"
#include "repository.h"

typedef struct Settings Settings;

/*
 * Take the facts of a run that has ended: bring the state of its subject up
 * to date, and queue a message if that is worth one.  Facts are: kind,
 * database, repository, job, type, backup, run, started, finished, exit_code,
 * error, log, and good (a boolean).  With `quiet`, a success without a history
 * leaves no state.
 */
extern void policy_apply(const Settings *settings, const char *directory, const json_t *facts,
						 bool quiet);

/* Queue the repeats that were held back, where their time has come. */
extern void policy_repeat(const Settings *settings, const char *directory);

/*
 * This is the latest backup of its owner, a database or a set of files; too
 * old by the time of its snapshot, or young again?  Those in notify-missed-except
 * are not reported.
 */
extern void policy_check_age(const Settings *settings, const char *directory,
							 const BackupName *latest, time_t snapshot);

/* That there are, or were, backups of this owner in the repository. */
extern void policy_note_seen(const Settings *settings, const char *directory,
							 const BackupName *owner);

/* Is the latest backup older than notify-missed-after? */
extern bool policy_is_late(const Settings *settings, time_t snapshot, time_t now);

/* These are all backups that there are: tell whose are gone altogether. */
extern void policy_check_gone(const Settings *settings, const char *directory,
							  const BackupName *names, int count);

/* Is the owner of this backup among those of notify-missed-except? */
extern bool policy_age_is_excepted(const Settings *settings, const BackupName *name);

/* Queue a message that something did not happen; such facts change no state. */
extern void policy_missed(const Settings *settings, const char *directory, const json_t *facts);

/* Remember that a run in the catalog was reported; and was it? */
extern void policy_tell(const Settings *settings, const char *directory, const char *run);
extern bool policy_told(const Settings *settings, const char *directory, const char *run);

/* The repository as subjects name it: without slashes at its end.  Caller frees; NULL for none. */
extern char *subject_repository(const Settings *settings);

#endif /* NEX_NOTIFY_POLICY_H */
