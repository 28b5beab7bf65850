/*-------------------------------------------------------------------------
 *
 * log_settings.h
 *	  Settings: logs of runs.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_LOG_SETTINGS_H
#define NEX_LOG_SETTINGS_H

typedef struct LogSettings
{
	char *log_directory; /* NULL: none are kept */
	int log_keep_days;   /* 30; 0 = forever */
	int log_keep_files;  /* 200; 0 = all */
} LogSettings;

#endif /* NEX_LOG_SETTINGS_H */
