/*-------------------------------------------------------------------------
 *
 * refused_settings.h
 *	  Settings, comments and labels that the server does not take.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_REFUSED_SETTINGS_H
#define NEX_REFUSED_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "buffer.h"
#include "connection.h"
#include "restore_plan.h"

typedef struct RefusedSetting
{
	char *statement; /* the beginning of it, for a message */
	char *said;      /* by the server */
} RefusedSetting;

typedef struct RefusedSettings
{
	RefusedSetting *items;
	uint32_t count;
} RefusedSettings;

/*
 * Try the settings, comments and labels among these statements about the
 * database, take each back, and take those that are refused out of the text.
 * False (reported) if nothing more can be run.
 */
extern bool refused_settings_find(Connection *connection, Buffer *sql, RefusedSettings *refused);

/* Report what is missing of a database that is complete otherwise. */
extern void refused_settings_report(const RestorePlan *plan, const RefusedSettings *refused);

/* What helps then; caller frees. */
extern char *refused_setting_hint(const RestorePlan *plan);
extern void refused_settings_free(RefusedSettings *refused);

#endif /* NEX_REFUSED_SETTINGS_H */
