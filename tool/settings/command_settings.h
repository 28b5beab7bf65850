/*-------------------------------------------------------------------------
 *
 * command_settings.h
 *	  Settings: what single commands alone know.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_COMMAND_SETTINGS_H
#define NEX_COMMAND_SETTINGS_H

#include <stdbool.h>

typedef struct CommandSettings
{
	bool contents;
	bool header;
	char *output;
	bool dry_run;
	bool fix;
} CommandSettings;

#endif /* NEX_COMMAND_SETTINGS_H */
