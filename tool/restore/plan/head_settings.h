/*-------------------------------------------------------------------------
 *
 * head_settings.h
 *	  The settings under which a backup is to be loaded.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_HEAD_SETTINGS_H
#define NEX_HEAD_SETTINGS_H

#include "connection.h"
#include "restore_plan.h"

/* Read the settings out of the backup's head member into the plan. */
extern bool head_settings_read(RestorePlan *plan);

/* Connect to the database that is being filled, with those settings; NULL (reported) on failure. */
extern Connection *head_settings_connect(const RestorePlan *plan, ConnectionTarget *target);

/* Give a child program that connects to it those settings that it does not make itself. */
extern void head_settings_add_options(const RestorePlan *plan, ConnectionTarget *target);

#endif /* NEX_HEAD_SETTINGS_H */
