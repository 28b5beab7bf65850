/*-------------------------------------------------------------------------
 *
 * expire_settings.h
 *	  Settings: which backups are kept.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_EXPIRE_SETTINGS_H
#define NEX_EXPIRE_SETTINGS_H

#include <stdbool.h>

typedef struct ExpireSettings
{
	int keep_daily;   /* 7 */
	int keep_weekly;  /* 4 */
	int keep_monthly; /* 0 */
	int keep_yearly;  /* 0 */
	int keep_minimum; /* 1 */
	int keep_pitr;    /* seconds; 0: no moment in particular */
	bool single_writer;
} ExpireSettings;

#endif /* NEX_EXPIRE_SETTINGS_H */
