/*-------------------------------------------------------------------------
 *
 * work_settings.h
 *	  Settings: with how many threads, and with whose client programs.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_WORK_SETTINGS_H
#define NEX_WORK_SETTINGS_H

typedef struct WorkSettings
{
	int jobs; /* -j: default min(online cores, 8), range 1..64 */
	char *pg_bindir;
} WorkSettings;

#endif /* NEX_WORK_SETTINGS_H */
