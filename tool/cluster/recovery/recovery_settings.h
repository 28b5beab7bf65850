/*-------------------------------------------------------------------------
 *
 * recovery_settings.h
 *	  The settings with which a restored cluster recovers.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_RECOVERY_SETTINGS_H
#define NEX_RECOVERY_SETTINGS_H

#include "recovery_plan.h"

/* The restore_command: this program with the same repository and keys.  NULL (reported) if it
 * cannot be written.  Caller frees. */
extern char *recovery_command(const Settings *settings, const RecoveryPlan *plan);

/* Append what is to be added to postgresql.auto.conf. */
extern void recovery_settings_write(const Settings *settings, const RecoveryPlan *plan,
									const char *command, Buffer *out);

#endif /* NEX_RECOVERY_SETTINGS_H */
